#!/usr/bin/env node
'use strict';
process.exitCode = require('./load.js').load('chrpath').main(process.argv.slice(2));
