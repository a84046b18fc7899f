package logsapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// apiError is an error as CloudWatch Logs' clients get it.
type apiError struct {
	status  int
	name    string
	message string
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidParameterException", fmt.Sprintf(format, args...)}
}

func missing(what string) error {
	return &apiError{http.StatusBadRequest, "ResourceNotFoundException", "The specified log " + what + " does not exist."}
}

func translate(err error) *apiError {
	var own *apiError
	switch {
	case errors.As(err, &own):
		return own
	case rouse.CodeOf(err) == rouse.TooLarge:
		return &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("the request is larger than %d bytes", maxBody)}
	}
	return &apiError{http.StatusInternalServerError, "ServiceUnavailableException", gateway.InternalMessage}
}

// within checks a limit; 0 was not given.
func within(limit, most int) (int, error) {
	switch {
	case limit < 0:
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", limit)
	case limit > most:
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", limit, most)
	case limit == 0:
		return most, nil
	}
	return limit, nil
}
