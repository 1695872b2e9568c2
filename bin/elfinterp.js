#!/usr/bin/env node
'use strict';
require('./load.js').load('cli').main(process.argv.slice(2));
