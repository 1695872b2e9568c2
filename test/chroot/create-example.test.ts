/*
 * The example of `createChroot` in docs/api.md. Needs the network, and some minutes.
 */
import test from 'ava';
import {runExample, writeExamples} from '../helpers/api-examples.js';
import {withTools} from '../helpers/tools.js';

test(
  'the example of docs/api.md makes a system that runs',
  withTools((t) => runExample(t, writeExamples(), 'createChroot-0')),
);
