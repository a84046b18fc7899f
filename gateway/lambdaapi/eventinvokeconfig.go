package lambdaapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// destinations is AWS's DestinationConfig.
type destinations struct {
	OnSuccess, OnFailure destination
}

type destination struct {
	Destination string `json:",omitempty"`
}

// eventInvokeConfig is AWS's FunctionEventInvokeConfig.
type eventInvokeConfig struct {
	LastModified             float64
	FunctionArn              string
	MaximumRetryAttempts     *int `json:",omitempty"`
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	DestinationConfig        destinations
}

func (a *api) eventInvokeConfig(name rouse.FunctionName, q rouse.Qualifier, in rouse.LambdaAsync) eventInvokeConfig {
	return eventInvokeConfig{
		LastModified: float64(in.Modified.UnixMilli()) / 1000, FunctionArn: a.Place.ARN(name, q),
		MaximumRetryAttempts: in.Retries, MaximumEventAgeInSeconds: in.MaxAge,
		DestinationConfig: destinations{destination{in.OnSuccess}, destination{in.OnFailure}},
	}
}

func (a *api) getFunctionEventInvokeConfig(r *request) (any, error) {
	t, q, err := a.asyncTarget(r)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil || fn.Lambda == nil {
		return nil, a.noEventInvokeConfig(t.name, q)
	}
	in, ok := fn.Lambda.Async[q]
	if !ok {
		return nil, a.noEventInvokeConfig(t.name, q)
	}
	return a.eventInvokeConfig(t.name, q, in), nil
}

func (a *api) listFunctionEventInvokeConfigs(r *request) (any, error) {
	t, _, err := a.asyncTarget(r)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return nil, missing("The function doesn't exist.")
	}
	var qualifiers []rouse.Qualifier
	if fn.Lambda != nil {
		qualifiers = slices.Sorted(maps.Keys(fn.Lambda.Async))
	}
	cut, next, err := page(a, r, qualifiers, maxListed, func(q rouse.Qualifier) string { return string(q) })
	if err != nil {
		return nil, err
	}
	answer := struct {
		FunctionEventInvokeConfigs []eventInvokeConfig
		NextMarker                 *string `json:",omitempty"`
	}{[]eventInvokeConfig{}, optional(next)}
	for _, q := range cut {
		answer.FunctionEventInvokeConfigs = append(answer.FunctionEventInvokeConfigs, a.eventInvokeConfig(t.name, q, fn.Lambda.Async[q]))
	}
	return answer, nil
}

// putFunctionEventInvokeConfig replaces the whole configuration.
func (a *api) putFunctionEventInvokeConfig(r *request) (any, error) {
	return a.writeEventInvokeConfig(r, true)
}

// updateFunctionEventInvokeConfig changes what is given and keeps the rest.
func (a *api) updateFunctionEventInvokeConfig(r *request) (any, error) {
	return a.writeEventInvokeConfig(r, false)
}

// writeEventInvokeConfig writes what is given: afresh, or over the present
// configuration, which must exist.
func (a *api) writeEventInvokeConfig(r *request, afresh bool) (any, error) {
	t, q, err := a.asyncTarget(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		MaximumRetryAttempts, MaximumEventAgeInSeconds *int
		DestinationConfig                              *destinations
	}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	if in.MaximumEventAgeInSeconds == nil && in.MaximumRetryAttempts == nil && in.DestinationConfig == nil {
		return nil, invalid("You must specify at least one of error handling or destination setting.")
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil || !known(fn, q) {
		return nil, missing("The function doesn't exist.")
	}
	if in.DestinationConfig != nil {
		if err := a.checkDestinations(t.name, in.DestinationConfig); err != nil {
			return nil, err
		}
	}
	var made rouse.LambdaAsync
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		lambda := rouse.LambdaFunction{}
		if fn.Lambda != nil {
			lambda = *fn.Lambda
		}
		made = rouse.LambdaAsync{}
		if !afresh {
			before, exists := lambda.Async[q]
			if !exists {
				return a.noEventInvokeConfig(t.name, q)
			}
			made = before
		}
		made.Modified = a.now()
		if in.MaximumRetryAttempts != nil {
			made.Retries = in.MaximumRetryAttempts
		}
		if in.MaximumEventAgeInSeconds != nil {
			made.MaxAge = in.MaximumEventAgeInSeconds
		}
		if d := in.DestinationConfig; d != nil {
			made.OnSuccess, made.OnFailure = d.OnSuccess.Destination, d.OnFailure.Destination
		}
		all := maps.Clone(lambda.Async)
		if all == nil {
			all = map[rouse.Qualifier]rouse.LambdaAsync{}
		}
		all[q] = made
		lambda.Async = all
		fn.Lambda = &lambda
		return nil
	})
	if err != nil {
		return nil, a.gone(t, err)
	}
	return a.eventInvokeConfig(t.name, q, made), nil
}

func (a *api) deleteFunctionEventInvokeConfig(r *request) (any, error) {
	t, q, err := a.asyncTarget(r)
	if err != nil {
		return nil, err
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if fn.Lambda == nil {
			return a.noEventInvokeConfig(t.name, q)
		}
		if _, ok := fn.Lambda.Async[q]; !ok {
			return a.noEventInvokeConfig(t.name, q)
		}
		lambda := *fn.Lambda
		lambda.Async = maps.Clone(lambda.Async)
		delete(lambda.Async, q)
		fn.Lambda = &lambda
		return nil
	})
	if rouse.CodeOf(err) == rouse.NotFound {
		err = a.noEventInvokeConfig(t.name, q)
	}
	return withStatus{status: http.StatusNoContent}, err
}

// asyncTarget is the function that a request names, and the qualifier that the
// configuration is kept under.
func (a *api) asyncTarget(r *request) (target, rouse.Qualifier, error) {
	t, err := a.targetOf(r)
	q := t.qualifier
	if q == "" {
		q = rouse.Latest
	}
	return t, q, err
}

func (a *api) noEventInvokeConfig(name rouse.FunctionName, q rouse.Qualifier) error {
	return missing("The function %s doesn't have an EventInvokeConfig", a.Place.ARN(name, q))
}

// known says whether q is an alias or a version of fn.
func known(fn *rouse.Function, q rouse.Qualifier) bool {
	number, ok := fn.Number(q, 1)
	return ok && (number == 0 || fn.Version(number) != nil)
}

// checkDestinations says what is wrong with destinations, in AWS's words where
// it has some.
func (a *api) checkDestinations(self rouse.FunctionName, d *destinations) error {
	for _, text := range []string{d.OnFailure.Destination, d.OnSuccess.Destination} {
		if text == "" {
			continue
		}
		to, err := a.Place.ParseDestination(text)
		switch {
		case strings.HasPrefix(text, "arn:aws:sns:"), strings.HasPrefix(text, "arn:aws:events:"), strings.HasPrefix(text, "arn:aws:s3:"), strings.HasPrefix(text, "kafka://"):
			return unsupported("A destination "+clip(text), "use a function, a standard queue or a webhook's URL")
		case err != nil:
			return invalid("The provided destination config DestinationConfig(onSuccess=%s, onFailure=%s) is invalid.",
				inWords("OnSuccess", d.OnSuccess.Destination), inWords("OnFailure", d.OnFailure.Destination))
		case to.Webhook != "":
			if err := a.Webhook(to.Webhook); err != nil {
				return translate(err)
			}
		case to.Function.Name == self:
			return invalid("You can't specify the function as a destination for itself.")
		case to.Function.Name != "":
			if fn, err := a.Catalog.Function(to.Function.Name); err != nil || !known(fn, to.Function.Qualifier) {
				return noDestination(text)
			}
		case to.Queue != "":
			if _, err := a.Queues.Queue(to.Queue); err != nil {
				return noDestination(text)
			}
		}
	}
	return nil
}

// noDestination is how AWS words that a destination does not exist.
func noDestination(arn string) error { return invalid("The destination ARN %s is invalid.", arn) }

func inWords(kind, text string) string {
	if text == "" {
		return "null"
	}
	return fmt.Sprintf("%s(destination=%s)", kind, clip(text))
}

// checkDeadLetter says what is wrong with a function's dead letter queue, which
// has to exist: AWS asks whether it may be sent to.
func (a *api) checkDeadLetter(arn string) error {
	if arn == "" {
		return nil
	}
	if strings.HasPrefix(arn, "arn:aws:sns:") {
		return unsupported("DeadLetterConfig with a topic", "use a standard queue")
	}
	if strings.HasSuffix(arn, ".fifo") {
		return invalid("Invalid dead letter queue ARN: FIFO SQS queue is not supported for dead letter configuration")
	}
	to, err := a.Place.ParseDestination(arn)
	if err != nil || to.Queue == "" {
		return invalid("The dead letter queue %s is invalid: it must be the ARN of a standard queue of %s in %s", clip(arn), a.Place.Account, a.Place.Region)
	}
	if _, err := a.Queues.Queue(to.Queue); err != nil {
		return invalid("Invalid dead letter queue ARN: the queue %s does not exist", arn)
	}
	return nil
}
