package sqsapi

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/rousehq/rouse"
)

// policy is a queue's policy, as far as AddPermission needs to understand it.
type policy struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id"`
	Statement []json.RawMessage `json:"Statement"`
}

type permission struct {
	Sid       string
	Effect    string
	Principal map[string][]string
	Action    []string
	Resource  string
}

type addPermissionInput struct {
	QueueURL      string `json:"QueueUrl"`
	Label         string
	AWSAccountIds []string
	Actions       []string
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// shareable are the actions that a queue's owner can allow others.
var shareable = []string{
	"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "PurgeQueue",
}

// addPermission adds a statement to the Policy attribute, as SQS does.
func (a *api) addPermission(r *request, in *addPermissionInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	switch {
	case !batchID.MatchString(in.Label):
		return nil, invalid("Value %s for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.", clip(in.Label))
	case len(in.AWSAccountIds) == 0:
		return nil, missing("AWSAccountIds")
	case len(in.Actions) == 0:
		return nil, missing("Actions")
	}
	one := permission{Sid: in.Label, Effect: "Allow", Principal: map[string][]string{}, Resource: a.Place.QueueARN(q.Name)}
	for _, account := range in.AWSAccountIds {
		if !accountID.MatchString(account) {
			return nil, invalid("Value %s for parameter PrincipalId is invalid. Reason: Unable to verify.", clip(account))
		}
		one.Principal["AWS"] = append(one.Principal["AWS"], "arn:aws:iam::"+account+":root")
	}
	for _, action := range in.Actions {
		if !slices.Contains(shareable, action) {
			return nil, invalid("Value SQS:%s for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions.", clip(action))
		}
		one.Action = append(one.Action, "SQS:"+action)
	}
	return nil, a.editPolicy(r, q, func(p *policy) error {
		if p.index(in.Label) >= 0 {
			return invalid("Value %s for parameter Label is invalid. Reason: Already exists.", in.Label)
		}
		b, err := json.Marshal(one)
		p.Statement = append(p.Statement, b)
		return err
	})
}

type removePermissionInput struct {
	QueueURL string `json:"QueueUrl"`
	Label    string
}

func (a *api) removePermission(r *request, in *removePermissionInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return nil, a.editPolicy(r, q, func(p *policy) error {
		i := p.index(in.Label)
		if i < 0 {
			return invalid("Value %s for parameter Label is invalid. Reason: can't find label on existing policy.", clip(in.Label))
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		return nil
	})
}

func (p *policy) index(label string) int {
	return slices.IndexFunc(p.Statement, func(b json.RawMessage) bool {
		var one struct{ Sid string }
		return json.Unmarshal(b, &one) == nil && one.Sid == label
	})
}

func (a *api) editPolicy(r *request, q rouse.Queue, change func(*policy) error) error {
	return a.Writer.ChangeQueue(r.ctx, q.Name, func(d *rouse.QueueDefinition) error {
		x := extraOf(*d)
		p := policy{Version: "2012-10-17", ID: a.Place.QueueARN(q.Name) + "/SQSDefaultPolicy"}
		if x.Policy != "" {
			if err := json.Unmarshal([]byte(x.Policy), &p); err != nil {
				return invalid("the queue's Policy has a form that AddPermission and RemovePermission cannot change; set the attribute")
			}
		}
		if err := change(&p); err != nil {
			return err
		}
		x.Policy = ""
		if len(p.Statement) > 0 {
			b, err := json.Marshal(p)
			if err != nil {
				return err
			}
			x.Policy = string(b)
		}
		x.put(d)
		return nil
	})
}
