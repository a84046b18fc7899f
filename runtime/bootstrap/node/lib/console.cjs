// Gives every console line its time, request id and level, as AWS does.
'use strict';

const util = require('node:util');
const { toLog } = require('./errors.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const json = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';

// The event being handled; undefined before the first.
const current = { requestId: undefined, tenantId: undefined };

function textLine(level, args) {
  return `${new Date().toISOString()}\t${current.requestId}\t${level}\t${util.format(...args)}`;
}

function jsonLine(level, args) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: current.requestId, tenantId: current.tenantId };
  const withErrors = (_, value) => (value instanceof Error ? { ...describe(value), ...value } : value);
  if (args.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: args[0] }, withErrors);
    } catch {
      return JSON.stringify({ ...entry, message: util.format(args[0]) });
    }
  }
  const error = args.find((arg) => arg instanceof Error);
  return JSON.stringify({ ...entry, message: util.format(...args), ...(error && describe(error)) });
}

function describe(error) {
  const stackTrace = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  return { errorType: error.constructor?.name ?? 'UnknownError', errorMessage: error.message, stackTrace };
}

function patch() {
  const least = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = LEVELS.indexOf(level) < least
      ? () => {}
      // Without arguments AWS's client logs the one that is missing.
      : (...args) => void process.stdout.write((json ? jsonLine : textLine)(level, args.length > 0 ? args : [undefined]) + '\n');
  }
}

// Logs an error that ends an event or the process.
function logError(title, error) {
  if (json) {
    console.error(error instanceof Error ? error : new Error(error));
  } else {
    console.error(title, toLog(error));
  }
}

module.exports = { current, patch, logError };
