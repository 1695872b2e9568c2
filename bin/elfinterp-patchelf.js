#!/usr/bin/env node
'use strict';
process.exitCode = require('../dist/patchelf.cjs').main(process.argv.slice(2));
