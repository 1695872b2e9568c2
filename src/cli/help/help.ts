/*
 * `elfinterp --help`, `elfinterp COMMAND --help`, `elfinterp help COMMAND`.
 */
import {findCommand, groups} from '../commands.js';
import {exitStatus, type Output} from '../output.js';
import {trusted} from '../safe-text.js';
import {writeTo} from '../streams.js';
import {terminalOf} from '../terminal.js';
import {commandPage, groupPage, overviewPage, type Page} from './page.js';
import {pageToText} from './text.js';

/** Print the help on a command, a group, or everything. Returns the exit status; undefined when there is no such topic. */
export function helpOn(topic: readonly string[], output: Output): number | undefined {
  const page = pageOn(topic);
  if (page === undefined) return undefined;
  output.line(trusted(pageToText(page, terminalOf(1, process.env))));
  return exitStatus.done;
}

/** Answer a command line that stops before its command: with the help, on standard error when it was not asked for. */
export function helpToGoOn(topic: readonly string[]): number {
  const page = pageOn(topic) ?? overviewPage();
  writeTo(2, `${pageToText(page, terminalOf(2, process.env))}\n`);
  return exitStatus.usage;
}

function pageOn(topic: readonly string[]): Page | undefined {
  const found = findCommand(topic);
  if (found !== undefined) return commandPage(found.command);
  const [group] = topic;
  if (group === undefined) return overviewPage();
  return topic.length === 1 && Object.hasOwn(groups, group) ? groupPage(group) : undefined;
}
