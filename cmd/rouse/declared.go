package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/cmd/rouse/project"
	trigger "github.com/rousehq/rouse/controller/trigger/queue"
)

// declaredTag marks mappings that a project's file has made.
const declaredTag = "rouse:declared"

// say prints what has become of something that a file declares.
func (d deployer) say(format string, args ...any) { fmt.Fprintf(d.stdout, format+"\n", args...) }

// failedFor names in an error what it is about; what callers do about it stays.
func failedFor(err error, format string, args ...any) error {
	e, ok := err.(*rouse.Error)
	if !ok {
		return err
	}
	named := *e
	named.Message = fmt.Sprintf(format, args...) + ": " + e.Message
	return &named
}

// putQueues makes the queues, or gives them the attributes that are declared. None
// is ever deleted, since it holds messages. What leads to dead letters comes last,
// because queues may name one another.
func (d deployer) putQueues(ctx context.Context, queues []project.Queue) error {
	for _, q := range queues {
		if err := d.putQueue(ctx, q); err != nil {
			return failedFor(err, "queue %s", q.Name)
		}
	}
	for _, q := range queues {
		if err := d.putRedrive(ctx, q); err != nil {
			return failedFor(err, "queue %s", q.Name)
		}
	}
	return nil
}

func (d deployer) putQueue(ctx context.Context, q project.Queue) error {
	want := q.Attributes()
	now, err := d.client.Queue(ctx, q.Name)
	if rouse.CodeOf(err) == rouse.NotFound && err != nil {
		if q.FIFO() {
			want["FifoQueue"] = "true"
		}
		if err := d.client.CreateQueue(ctx, q.Name, want); err != nil {
			return err
		}
		d.say("queue %s  created", q.Name)
		return nil
	}
	if err != nil {
		return err
	}
	changed := different(now.Attributes, want)
	if len(changed) == 0 {
		d.say("queue %s  unchanged", q.Name)
		return nil
	}
	if err := d.client.SetQueue(ctx, q.Name, changed); err != nil {
		return err
	}
	d.say("queue %s  changed: %s", q.Name, strings.Join(slices.Sorted(maps.Keys(changed)), ", "))
	return nil
}

// different are the values of want that are not those of have.
func different(have, want map[string]string) map[string]string {
	changed := maps.Clone(want)
	maps.DeleteFunc(changed, func(key, value string) bool { return have[key] == value })
	return changed
}

// putRedrive has a queue's dead letters go where is declared.
func (d deployer) putRedrive(ctx context.Context, q project.Queue) error {
	now, err := d.client.Queue(ctx, q.Name)
	if err != nil {
		return err
	}
	policy := ""
	if q.DeadLetters != "" {
		dead, err := d.client.Queue(ctx, q.DeadLetters)
		if err != nil {
			return failedFor(err, "dead_letters %s", q.DeadLetters)
		}
		policy = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, dead.ARN, q.MaxReceives)
	}
	if now.Attributes["RedrivePolicy"] == policy {
		return nil
	}
	return d.client.SetQueue(ctx, q.Name, map[string]string{"RedrivePolicy": policy})
}

// putMappings makes and changes mappings, and deletes those that an earlier file
// had of the project's functions.
func (d deployer) putMappings(ctx context.Context, p project.Project) error {
	for _, fn := range p.Functions {
		have, err := d.client.Mappings(ctx, fn.Name)
		if err != nil {
			return err
		}
		for _, m := range p.Mappings {
			if m.Ref.Name != fn.Name {
				continue
			}
			id, err := d.putMapping(ctx, m, have)
			if err != nil {
				return failedFor(err, "mapping of queue %s to %s", m.Queue, m.Ref)
			}
			have = slices.DeleteFunc(have, func(old client.Mapping) bool { return old.UUID == id })
		}
		for _, old := range have {
			if err := d.dropMapping(ctx, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// putMapping returns the mapping's id when there was one.
func (d deployer) putMapping(ctx context.Context, m project.Mapping, have []client.Mapping) (id string, err error) {
	want := client.Mapping{
		EventSourceArn: m.Queue, FunctionName: functionText(m.Ref), BatchSize: m.BatchSize, MaximumBatchingWindowInSeconds: int(m.Window.D().Seconds()),
		Enabled: !m.Disabled, FunctionResponseTypes: []string{}, ScalingConfig: client.MappingScaling{MaximumConcurrency: m.MaxConcurrency},
		FilterCriteria: client.MappingFilters{Filters: []client.MappingFilter{}}, Tags: map[string]string{declaredTag: project.FileName},
	}
	if !strings.Contains(m.Queue, "://") {
		q, err := d.client.Queue(ctx, m.Queue)
		if err != nil {
			return "", err
		}
		want.EventSourceArn = q.ARN
	}
	if m.PartialFailures {
		want.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
	}
	if err := (*trigger.Mappings)(nil).CheckFilters(m.Filters); err != nil { // AWS's words would not say where
		return "", err
	}
	for _, pattern := range m.Filters {
		want.FilterCriteria.Filters = append(want.FilterCriteria.Filters, client.MappingFilter{Pattern: pattern})
	}
	i := slices.IndexFunc(have, func(old client.Mapping) bool {
		_, called, _ := strings.Cut(old.FunctionArn, ":function:")
		return old.EventSourceArn == want.EventSourceArn && called == want.FunctionName && old.State != rouse.MappingDeleting
	})
	if i < 0 {
		if err := d.client.CreateMapping(ctx, want); err != nil {
			return "", err
		}
		d.say("%s -> %s  created", m.Queue, m.Ref)
		return "", nil
	}
	old := have[i]
	if sameMapping(old, want) {
		d.say("%s -> %s  unchanged", m.Queue, m.Ref)
		return old.UUID, nil
	}
	want.UUID = old.UUID
	if err := d.client.ChangeMapping(ctx, want); err != nil {
		return old.UUID, err
	}
	d.say("%s -> %s  changed", m.Queue, m.Ref)
	return old.UUID, nil
}

// sameMapping compares what the server tells of a mapping with what it is to be.
func sameMapping(old, want client.Mapping) bool {
	off := old.State == rouse.MappingDisabled || old.State == rouse.MappingDisabling
	return off == !want.Enabled && old.BatchSize == want.BatchSize && old.MaximumBatchingWindowInSeconds == want.MaximumBatchingWindowInSeconds &&
		slices.Equal(old.FunctionResponseTypes, want.FunctionResponseTypes) && old.ScalingConfig == want.ScalingConfig &&
		slices.Equal(old.FilterCriteria.Filters, want.FilterCriteria.Filters)
}

// functionText is a function as AWS's API takes it.
func functionText(ref rouse.Ref) string {
	if ref.Qualifier == rouse.Latest {
		return string(ref.Name)
	}
	return ref.String()
}

// dropMapping deletes a mapping if a file has made it.
func (d deployer) dropMapping(ctx context.Context, old client.Mapping) error {
	if old.State == rouse.MappingDeleting {
		return nil
	}
	tags, err := d.client.Tags(ctx, old.EventSourceMappingArn)
	if err != nil || tags[declaredTag] == "" {
		return err
	}
	if err := d.client.DeleteMapping(ctx, old.UUID); err != nil {
		return err
	}
	_, called, _ := strings.Cut(old.FunctionArn, ":function:")
	d.say("%s -> %s  deleted", old.EventSourceArn[strings.LastIndexAny(old.EventSourceArn, ":/")+1:], called)
	return nil
}

// putSchedules makes and changes schedules, and deletes those that an earlier file
// had of the project's functions.
func (d deployer) putSchedules(ctx context.Context, p project.Project) error {
	have, err := d.client.Schedules(ctx)
	if err != nil {
		return err
	}
	for _, want := range p.Schedules {
		i := slices.IndexFunc(have, func(old rouse.ScheduleStatus) bool { return old.Name == want.Name })
		switch {
		case i < 0:
		case !p.Declares(have[i].Function):
			return rouse.Errorf(rouse.Conflict, "schedule %s exists already and runs function %s, which this file does not declare; give it another name, or: rouse schedules rm %s",
				want.Name, have[i].Function, want.Name)
		case sameSchedule(have[i].Schedule, want):
			d.say("schedule %s  unchanged, %s", want.Name, dueText(have[i]))
			continue
		}
		kept, err := d.client.PutSchedule(ctx, want, true)
		if err != nil {
			return failedFor(err, "schedule %s", want.Name)
		}
		verb := "changed"
		if i < 0 {
			verb = "created"
		}
		d.say("schedule %s  %s, %s", want.Name, verb, dueText(kept))
	}
	for _, old := range have {
		if !old.Declared || !p.Declares(old.Function) || slices.ContainsFunc(p.Schedules, func(s rouse.Schedule) bool { return s.Name == old.Name }) {
			continue
		}
		if err := d.client.DeleteSchedule(ctx, old.Name); err != nil {
			return err
		}
		d.say("schedule %s  deleted", old.Name)
	}
	return nil
}

// sameSchedule compares all that can be declared.
func sameSchedule(old, want rouse.Schedule) bool {
	old.Created, old.Updated, old.Generation = want.Created, want.Updated, want.Generation
	if !old.Start.Equal(want.Start) || !old.End.Equal(want.End) || !sameJSON(old.Payload, want.Payload) {
		return false
	}
	old.Start, old.End, old.Payload = want.Start, want.End, want.Payload
	return reflect.DeepEqual(old, want)
}

// sameJSON compares what two texts mean; none is like no other.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return (a == nil) == (b == nil) && (a == nil || json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y))
}
