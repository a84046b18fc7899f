package lambdaapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

const (
	usualBatch = 10
	fifoBatch  = 10
	maxFilters = 10 // AWS's quota is 5, and can be raised to this
	// reportItems has a function's answer say which messages of a batch failed.
	reportItems = "ReportBatchItemFailures"
)

// eventSourceInput is what creating and updating a mapping share.
type eventSourceInput struct {
	EventSourceArn                 string
	FunctionName                   string
	BatchSize                      *int
	MaximumBatchingWindowInSeconds *int
	Enabled                        *bool
	FilterCriteria                 *filterCriteria
	FunctionResponseTypes          *[]string
	ScalingConfig                  *scalingConfig
	Tags                           map[string]string
}

type filterCriteria struct {
	Filters []filterPattern `json:",omitempty"`
}

type filterPattern struct{ Pattern string }

type scalingConfig struct {
	MaximumConcurrency *int `json:",omitempty"`
}

// eventSource is AWS's EventSourceMappingConfiguration.
type eventSource struct {
	UUID                           string
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	EventSourceArn                 string
	EventSourceMappingArn          string
	FilterCriteria                 *filterCriteria `json:",omitempty"`
	FunctionArn                    string
	FunctionResponseTypes          []string
	LastModified                   float64
	LastProcessingResult           string         `json:",omitempty"`
	ScalingConfig                  *scalingConfig `json:",omitempty"`
	State                          rouse.MappingState
	StateTransitionReason          string
}

func (a *api) eventSource(m rouse.Mapping) eventSource {
	out := eventSource{
		UUID: m.ID, BatchSize: m.BatchSize, MaximumBatchingWindowInSeconds: int(m.Window.D() / time.Second), EventSourceArn: m.Source,
		EventSourceMappingArn: a.Place.MappingARN(m.ID), FunctionArn: a.Place.ARN(m.Ref.Name, given(m.Ref.Qualifier)),
		FunctionResponseTypes: []string{}, LastModified: float64(m.Modified.UnixMilli()) / 1000,
		State: m.State, StateTransitionReason: "USER_INITIATED",
	}
	if strings.HasPrefix(m.Result, "PROBLEM") { // AWS tells of queues no more than that
		out.LastProcessingResult = m.Result
	}
	if m.PartialFailures {
		out.FunctionResponseTypes = []string{reportItems}
	}
	if m.MaxConcurrency > 0 {
		out.ScalingConfig = &scalingConfig{&m.MaxConcurrency}
	}
	if len(m.Filters) > 0 {
		out.FilterCriteria = &filterCriteria{}
		for _, text := range m.Filters {
			out.FilterCriteria.Filters = append(out.FilterCriteria.Filters, filterPattern{text})
		}
	}
	return out
}

// given is a qualifier as ARNs show it.
func given(q rouse.Qualifier) rouse.Qualifier {
	if q == rouse.Latest {
		return ""
	}
	return q
}

// foreignSettings are those of other sources than queues.
var foreignSettings = []string{
	"AmazonManagedKafkaEventSourceConfig", "BisectBatchOnFunctionError", "DestinationConfig", "DocumentDBEventSourceConfig", "KMSKeyArn",
	"LoggingConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "MetricsConfig", "ParallelizationFactor", "ProvisionedPollerConfig",
	"Queues", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig", "SourceAccessConfigurations", "StartingPosition",
	"StartingPositionTimestamp", "Topics", "TumblingWindowInSeconds",
}

func (a *api) eventSourceInput(r *request) (in eventSourceInput, err error) {
	for _, name := range foreignSettings {
		switch v := r.input[name].(type) {
		case nil:
			continue
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		}
		if name == "StartingPosition" {
			return in, invalid("StartingPosition is not valid for SQS event sources.")
		}
		return in, invalid("Unsupported %s parameter for given event source mapping type.", name)
	}
	return in, r.into(&in)
}

// into sets what was given of a mapping.
func (in *eventSourceInput) into(m *rouse.Mapping) {
	if in.BatchSize != nil {
		m.BatchSize = *in.BatchSize
	}
	if in.MaximumBatchingWindowInSeconds != nil {
		m.Window = rouse.Duration(time.Duration(*in.MaximumBatchingWindowInSeconds) * time.Second)
	}
	if in.Enabled != nil {
		m.Enabled = *in.Enabled
	}
	if in.FilterCriteria != nil {
		m.Filters = nil
		for _, f := range in.FilterCriteria.Filters {
			m.Filters = append(m.Filters, f.Pattern)
		}
	}
	if in.FunctionResponseTypes != nil {
		m.PartialFailures = len(*in.FunctionResponseTypes) > 0
	}
	if in.ScalingConfig != nil {
		m.MaxConcurrency = 0
		if in.ScalingConfig.MaximumConcurrency != nil {
			m.MaxConcurrency = *in.ScalingConfig.MaximumConcurrency
		}
	}
}

// mapped sets whom a mapping calls.
func (a *api) mapped(r *request, m *rouse.Mapping) error {
	t, err := a.targetOf(r)
	if err != nil {
		return err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return invalid("Function does not exist")
	}
	if _, ok := fn.Revision(t.qualifier, 0); !ok {
		return a.notFound(t)
	}
	m.Ref = rouse.Ref{Name: t.name, Qualifier: t.qualifier}
	return nil
}

// checkSource says why a mapping cannot have a source, whatever else it has.
func (a *api) checkSource(source string) error {
	if source == "" {
		return invalid("Unrecognized event source.")
	}
	if strings.HasPrefix(source, a.Place.QueueARN("")) || strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://") {
		return nil
	}
	return invalid("Unrecognized event source, must be a queue of SQS in region %s and account %s, or the URL of a queue elsewhere: %s",
		a.Place.Region, a.Place.Account, clip(source))
}

// checkMapping says what of a mapping AWS would refuse.
func (a *api) checkMapping(m *rouse.Mapping) error {
	if err := a.Mappings.CheckFilters(m.Filters); err != nil {
		a.Log.Info("a filter pattern was refused", "function", m.Ref, "queue", m.Source, "why", err) // which AWS does not say
		return invalid("Invalid filter pattern definition.")
	}
	if m.BatchSize > usualBatch && m.Window < rouse.Duration(time.Second) {
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	if len(m.Filters) > maxFilters {
		return invalid("FilterCriteria: a mapping has at most %d filters", maxFilters)
	}
	fn, err := a.Catalog.Function(m.Ref.Name)
	if err != nil {
		return a.notFound(target{name: m.Ref.Name})
	}
	id, _ := fn.Revision(m.Ref.Qualifier, 0)
	rev, err := a.Catalog.Revision(id)
	if err != nil {
		return err
	}
	if rev.Spec.Contract != rouse.ContractLambda {
		return invalid("function %s speaks HTTP and takes no events", m.Ref)
	}
	if name, here := strings.CutPrefix(m.Source, a.Place.QueueARN("")); here {
		return a.checkQueue(m, name, rev.Spec.Timeout)
	}
	return nil // a queue elsewhere shows what it is when it is polled
}

// checkQueue says why a queue of this Rouse does not go with what a mapping says,
// or with its function's timeout.
func (a *api) checkQueue(m *rouse.Mapping, name string, timeout rouse.Duration) error {
	q, err := a.Queues.Queue(name)
	if err != nil {
		return invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
	}
	if q.Definition.FIFO && m.BatchSize > fifoBatch {
		return invalid("Batch size must be at most %d for FIFO queues", fifoBatch)
	}
	if q.Definition.FIFO && m.Window > 0 {
		return invalid("Batching window is not supported for FIFO queues")
	}
	if visibility := q.Definition.Visibility; visibility < timeout {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds",
			int(visibility.D()/time.Second), int(timeout.D()/time.Second))
	}
	return nil
}

func (a *api) createEventSourceMapping(r *request) (any, error) {
	if err := a.checkSource(r.text("EventSourceArn")); err != nil {
		return nil, err
	}
	in, err := a.eventSourceInput(r)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	m := rouse.Mapping{Source: in.EventSourceArn, BatchSize: usualBatch, Enabled: true, Tags: in.Tags}
	if err := a.mapped(r, &m); err != nil {
		return nil, err
	}
	in.into(&m)
	if err := a.checkMapping(&m); err != nil {
		return nil, err
	}
	made, err := a.Mappings.CreateMapping(r.Request.Context(), m)
	if err != nil && rouse.CodeOf(err) == rouse.Conflict {
		return nil, conflict(`An event source mapping with SQS arn (" %s ") and function (" %s ") already exists. Please update or delete the existing mapping with UUID %s`,
			m.Source, m.Ref, made.ID)
	}
	if err != nil {
		return nil, err
	}
	return a.eventSource(made), nil
}

func (a *api) getEventSourceMapping(r *request) (any, error) {
	m, ok := a.mapping(r.text("UUID"))
	if !ok {
		return nil, noMapping()
	}
	return a.eventSource(m), nil
}

func (a *api) mapping(id string) (rouse.Mapping, bool) {
	for _, m := range a.Mappings.Mappings() {
		if m.ID == id {
			return m, true
		}
	}
	return rouse.Mapping{}, false
}

func noMapping() error { return absent() }

func (a *api) listEventSourceMappings(r *request) (any, error) {
	var t target
	if r.has("FunctionName") {
		var err error
		if t, err = a.targetOf(r); err != nil {
			return nil, err
		}
	}
	var list []rouse.Mapping
	for _, m := range a.Mappings.Mappings() {
		if (t.name == "" || m.Ref.Name == t.name && (t.qualifier == "" || t.qualifier == m.Ref.Qualifier)) &&
			(!r.has("EventSourceArn") || m.Source == r.text("EventSourceArn")) {
			list = append(list, m)
		}
	}
	cut, next, err := page(a, r, list, 100, func(m rouse.Mapping) string { return m.ID })
	if err != nil {
		return nil, err
	}
	answer := struct {
		NextMarker          *string `json:",omitempty"`
		EventSourceMappings []eventSource
	}{optional(next), []eventSource{}}
	for _, m := range cut {
		answer.EventSourceMappings = append(answer.EventSourceMappings, a.eventSource(m))
	}
	return answer, nil
}

func (a *api) updateEventSourceMapping(r *request) (any, error) {
	in, err := a.eventSourceInput(r)
	if err != nil {
		return nil, err
	}
	m, err := a.Mappings.ChangeMapping(r.Request.Context(), r.text("UUID"), func(m *rouse.Mapping) error {
		if r.has("FunctionName") {
			if err := a.mapped(r, m); err != nil {
				return err
			}
		}
		in.into(m)
		return a.checkMapping(m)
	})
	if err != nil {
		return nil, goneMapping(err)
	}
	return a.eventSource(m), nil
}

func (a *api) deleteEventSourceMapping(r *request) (any, error) {
	m, err := a.Mappings.DeleteMapping(r.Request.Context(), r.text("UUID"))
	if err != nil {
		return nil, goneMapping(err)
	}
	return withStatus{http.StatusAccepted, a.eventSource(m)}, nil
}

func goneMapping(err error) error {
	if rouse.CodeOf(err) == rouse.NotFound {
		return noMapping()
	}
	return err
}
