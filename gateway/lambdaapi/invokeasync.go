package lambdaapi

import "github.com/rousehq/rouse/gateway"

// invokeAsync is the older way to hand in an event, which needs the queue.
func (a *api) invokeAsync(c *gateway.Call, name string) error {
	if err := a.resolve(c, "InvokeAsync", name); err != nil {
		return err
	}
	delete(c.Writer.Header(), "X-Amz-Executed-Version")
	return notBuilt("InvokeAsync")
}
