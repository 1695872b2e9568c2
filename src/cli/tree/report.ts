/*
 * The formats of `tree`. Each takes one resolved program after the other; those that can print each at once do, so
 * thousands of programs need no more memory than one.
 */
import type {ModuleLoading, ResolvedTree, UndefinedSymbol} from '../../index.js';
import {errorToJson, type Output} from '../output.js';
import {safe, trusted} from '../safe-text.js';
import {graphToDot} from './dot.js';
import type {Format, PictureFormat} from './formats.js';
import {type Graph, GraphBuilder, towards, withoutImpliedEdges} from './graph.js';
import {graphToMermaid} from './mermaid.js';
import {createPainter} from './paint.js';
import {reverseToJson, reverseToText, whyLoaded, whyToText} from './questions.js';
import {graphToSvg} from './svg.js';
import {treeToText} from './text.js';
import {modulesInWords, symbolInWords} from './words.js';

/** A resolved program with what was looked up besides. */
export interface Resolved {
  /** The path as it was given. */
  readonly file: string;
  readonly tree: ResolvedTree;
  /** Undefined when it was not asked for. */
  readonly undefinedSymbols: readonly UndefinedSymbol[] | undefined;
  readonly moduleLoading: readonly ModuleLoading[] | undefined;
}

export interface Report {
  add(resolved: Resolved): void;
  /** A file that could not be resolved; the error is on standard error already. */
  fail?(file: string, error: unknown): void;
  /** @returns false when what was asked about occurred nowhere */
  end(): Promise<boolean> | boolean;
}

interface ReportOptions {
  readonly format: Format;
  /** Say how this library came in. */
  readonly why: string | undefined;
  /** Say who needs this library. */
  readonly reverse: string | undefined;
  /** Show repeated requests and implied edges too. */
  readonly all: boolean;
}

/** The report that the options ask for. */
export function createReport(options: ReportOptions, output: Output): Report {
  const {format, why, reverse, all} = options;
  const isJson = format === 'json';
  if (why !== undefined) return isJson ? whyJsonReport(why, output) : whyReport(why, output);
  if (reverse !== undefined && isJson) return graphReport(reverseJsonPrinter(reverse, output));
  if (reverse !== undefined && format === 'text') return graphReport(reversePrinter(reverse, output));
  switch (format) {
    case 'text':
      return textReport(all, output);
    case 'list':
      return listReport(output);
    case 'json':
      return jsonReport(output);
    default:
      return graphReport(picturePrinter(format, reverse, all, output));
  }
}

function textReport(all: boolean, output: Output): Report {
  const paint = createPainter(output.color);
  const {columns} = output;
  let isFirst = true;
  return {
    add({tree, undefinedSymbols, moduleLoading}) {
      if (!isFirst) output.line(safe``);
      isFirst = false;
      const symbols = (undefinedSymbols ?? []).map((symbol) => paint.problem(symbolInWords(symbol, tree)));
      const modules = modulesInWords(moduleLoading ?? [], tree).map(paint.aside);
      for (const line of treeToText(tree, {paint, all, columns})) output.line(line);
      for (const line of [...symbols, ...modules]) output.line(line);
    },
    end: () => true,
  };
}

/** Paths for scripts: each once, though several programs need it. */
function listReport(output: Output): Report {
  const printed = new Set<string>();
  return {
    add({tree}) {
      for (const {path, host} of tree.nodes.slice(1)) {
        const absolute = path.startsWith('/') ? path : tree.root === '/' ? host : `/${path}`;
        if (!printed.has(absolute)) output.data(absolute);
        printed.add(absolute);
      }
    },
    end: () => true,
  };
}

function jsonReport(output: Output): Report {
  const list = output.jsonList();
  return {
    add({file, tree, undefinedSymbols, moduleLoading}) {
      const more = {
        ...(undefinedSymbols && {undefinedSymbols}),
        ...(moduleLoading && {moduleLoading}),
      };
      list.add({file, ...tree, ...more});
    },
    fail: (file, error) => list.add({file, error: errorToJson(error)}),
    end() {
      list.end();
      return true;
    },
  };
}

function whyReport(name: string, output: Output): Report {
  const paint = createPainter(output.color);
  let found = 0;
  return {
    add({tree}) {
      const lines = whyToText(tree, name, paint);
      if (lines.length > 0 && found++ > 0) output.line(safe``);
      for (const line of lines) output.line(line);
    },
    end: () => found > 0,
  };
}

function whyJsonReport(name: string, output: Output): Report {
  const list = output.jsonList();
  let found = 0;
  return {
    add({file, tree}) {
      const answers = whyLoaded(tree, name);
      found += answers.length;
      const misses = tree.misses.filter((miss) => miss.name === name);
      list.add({file, name, found: answers, misses});
    },
    fail: (file, error) => list.add({file, error: errorToJson(error)}),
    end() {
      list.end();
      return found > 0;
    },
  };
}

/** Put all programs into one graph, and print that in the end. */
function graphReport(print: (graph: Graph) => Promise<boolean> | boolean): Report {
  const builder = new GraphBuilder();
  return {
    add: ({tree}) => builder.add(tree),
    end: () => print(builder.graph()),
  };
}

function reversePrinter(name: string, output: Output) {
  return (whole: Graph): boolean => {
    const {graph, targets} = towards(whole, name);
    for (const line of reverseToText(graph, targets, createPainter(output.color))) output.line(line);
    return targets.length > 0;
  };
}

function reverseJsonPrinter(name: string, output: Output) {
  return (whole: Graph): boolean => {
    const {graph, targets} = towards(whole, name);
    output.json(reverseToJson(graph, targets));
    return targets.length > 0;
  };
}

function picturePrinter(format: PictureFormat, reverse: string | undefined, all: boolean, output: Output) {
  const printers = {dot: graphToDot, svg: graphToSvg, mermaid: graphToMermaid};
  return async (whole: Graph): Promise<boolean> => {
    const part = reverse === undefined ? whole : towards(whole, reverse).graph;
    output.line(trusted(await printers[format](all ? part : withoutImpliedEdges(part))));
    return part.nodes.length > 0;
  };
}
