// Runs an AWS Lambda handler: node bootstrap.cjs [folder/module.function].
'use strict';

require('./lib/loop.cjs').main(process.argv[2] ?? process.env._HANDLER ?? '');
