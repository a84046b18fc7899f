// Finds the function that a handler's name means.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const errors = require('./errors.cjs');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

// Loads "folder/module.function". The function may be nested: module.api.get.
async function load(root, name) {
  if (name.includes('..')) {
    throw new errors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(name);
  const folder = name.slice(0, name.indexOf(base));
  const match = base.match(/^([^.]*)\.(.*)$/);
  if (!match) throw new errors.MalformedHandlerName('Bad handler');
  const found = match[2].split('.').reduce((at, key) => at && at[key], await loadModule(root, folder, match[1]));
  if (!found) throw new errors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof found !== 'function') throw new errors.HandlerNotFound(`${name} is not a function`);
  return found;
}

async function loadModule(root, folder, module) {
  try {
    return await resolve(root, folder, module);
  } catch (err) {
    if (err instanceof SyntaxError) throw new errors.UserCodeSyntaxError(err);
    if (err?.code === 'MODULE_NOT_FOUND') throw new errors.ImportModuleError(err);
    throw err;
  }
}

async function resolve(root, folder, module) {
  const file = path.resolve(root, folder, module);
  if (fs.existsSync(file)) return require(file);
  if (fs.existsSync(file + '.js')) {
    return isModuleScope(path.dirname(file)) ? import(file + '.js') : require(file + '.js');
  }
  if (fs.existsSync(file + '.mjs')) return import(file + '.mjs');
  if (fs.existsSync(file + '.cjs')) return require(file + '.cjs');
  return require(require.resolve(module, { paths: [root, folder] }));
}

// Whether the nearest package.json says "type": "module".
function isModuleScope(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))?.type === 'module';
    } catch (err) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, err);
      return false;
    }
  }
  return folder !== '/' && isModuleScope(path.dirname(folder));
}

// Whether the handler was marked by awslambda.streamifyResponse.
function isStreaming(handler) {
  const mark = handler[STREAMING];
  if (mark === undefined || mark === null || mark === false) return false;
  if (mark !== 'response') throw new errors.MalformedStreamingHandler('Only response streaming is supported.');
  return true;
}

function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

const highWaterMark = (handler) => handler[HIGH_WATER_MARK];

module.exports = { load, isStreaming, streamifyResponse, highWaterMark };
