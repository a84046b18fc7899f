// Package logsapi answers the reading half of CloudWatch Logs' API for the log
// groups of functions, /aws/lambda/NAME, which is what tools print logs with: the
// AWS CLI, SAM, Chalice and Serverless, and tests that look what a handler said.
//
// What functions print is kept by the control plane; nothing is kept here. A log
// stream is an instance's, by the name that its code finds in
// AWS_LAMBDA_LOG_STREAM_NAME. Operations that write, and other log groups, are
// another emulator's.
package logsapi
