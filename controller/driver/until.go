package driver

import "context"

// Until is ctx, which ends with a sandbox too: when gone is closed. The caller calls
// cancel, which waits for what watches gone.
func Until(ctx context.Context, gone <-chan struct{}) (_ context.Context, cancel func()) {
	ctx, end := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-gone:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { end(); <-over }
}
