#!/usr/bin/env node
'use strict';
process.exitCode = require('./load.js').load('patchelf').main(process.argv.slice(2));
