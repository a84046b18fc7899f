package adminapi

import (
	"net/http"

	"github.com/rousehq/rouse/gateway"
)

type route struct {
	method, path string
	serve        gateway.Handler
}

// routes is the whole API.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/api/v1/functions", a.listFunctions},
		{http.MethodGet, "/api/v1/functions/{name}", a.getFunction},
		{http.MethodPut, "/api/v1/functions/{name}", a.deploy},
		{http.MethodDelete, "/api/v1/functions/{name}", a.deleteFunction},
		{http.MethodPatch, "/api/v1/functions/{name}/settings", a.patchSettings},
		{http.MethodGet, "/api/v1/functions/{name}/revisions", a.listRevisions},
		{http.MethodPost, "/api/v1/functions/{name}/versions", a.publish},
		{http.MethodPut, "/api/v1/functions/{name}/aliases/{alias}", a.putAlias},
		{http.MethodDelete, "/api/v1/functions/{name}/aliases/{alias}", a.deleteAlias},
		{http.MethodPost, "/api/v1/functions/{name}/invocations", a.invoke},
		{http.MethodPost, "/api/v1/functions/{name}/jobs", a.submit},
		{http.MethodPost, "/api/v1/functions/{name}/jobs/redrive", a.jobsOf(a.Jobs.RedriveAll)},
		{http.MethodPost, "/api/v1/functions/{name}/jobs/pause", a.jobsOf(a.Jobs.Pause)},
		{http.MethodPost, "/api/v1/functions/{name}/jobs/resume", a.jobsOf(a.Jobs.Resume)},
		{http.MethodGet, "/api/v1/functions/{name}/webhook-secret", a.jobsOf(a.Jobs.ShowSecret)},
		{http.MethodGet, "/api/v1/jobs", a.Jobs.List},
		{http.MethodGet, "/api/v1/jobs/{id}", job(a.Jobs.Get)},
		{http.MethodDelete, "/api/v1/jobs/{id}", job(a.Jobs.Cancel)},
		{http.MethodGet, "/api/v1/jobs/{id}/result", job(a.Jobs.Result)},
		{http.MethodPost, "/api/v1/jobs/{id}/redrive", job(a.Jobs.Redrive)},
		{http.MethodPut, "/api/v1/functions/{name}/next-start", a.putNextStart},
		{http.MethodGet, "/api/v1/functions/{name}/logs", a.logs},
		{http.MethodGet, "/api/v1/schedules", a.listSchedules},
		{http.MethodPost, "/api/v1/schedules", a.createSchedule},
		{http.MethodGet, "/api/v1/schedules/{schedule}", a.getSchedule},
		{http.MethodPut, "/api/v1/schedules/{schedule}", a.putSchedule},
		{http.MethodPatch, "/api/v1/schedules/{schedule}", a.switchSchedule},
		{http.MethodDelete, "/api/v1/schedules/{schedule}", a.deleteSchedule},
		{http.MethodGet, "/api/v1/schedules/{schedule}/next", a.nextRuns},
		{http.MethodPost, "/api/v1/artifacts", a.upload},
		{http.MethodGet, "/api/v1/instances", a.listInstances},
		{http.MethodDelete, "/api/v1/instances/{id}", a.stopInstance},
		{http.MethodGet, "/api/v1/keys", a.listKeys},
		{http.MethodPost, "/api/v1/keys", a.createKey},
		{http.MethodDelete, "/api/v1/keys/{id}", a.deleteKey},
		{http.MethodGet, "/api/v1/status", a.status},
		{http.MethodGet, "/api/v1/openapi.json", a.openAPI},
		{http.MethodGet, "/api/v1/schema/rouse.yaml.json", a.schema},
	}
}
