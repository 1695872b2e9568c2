#!/usr/bin/env node
'use strict';
process.exitCode = require('../dist/chrpath.cjs').main(process.argv.slice(2));
