/*
 * `elfinterp --help`, `elfinterp COMMAND --help`, `elfinterp help COMMAND`.
 */
import {findCommand, groups} from '../commands.js';
import {exitStatus, type Output} from '../output.js';
import {terminalOf} from '../terminal.js';
import {complainOf} from '../unknown-command.js';
import {commandPage, groupPage, overviewPage, type Page} from './page.js';
import {pageToText} from './text.js';

/** Print the help that a command line asks for. */
export function helpOn(argv: readonly string[], output: Output): number {
  const words = argv.filter((word) => word !== '--help' && word !== '-h');
  const topic = words[0] === 'help' ? words.slice(1) : words;
  const page = pageOn(topic);
  if (page === undefined) return complainOf(topic, output);
  output.line(pageToText(page, terminalOf(1, process.env)));
  return exitStatus.done;
}

function pageOn(topic: readonly string[]): Page | undefined {
  const found = findCommand(topic);
  if (found !== undefined) return commandPage(found.command);
  const [group] = topic;
  if (group === undefined) return overviewPage();
  return topic.length === 1 && Object.hasOwn(groups, group) ? groupPage(group) : undefined;
}
