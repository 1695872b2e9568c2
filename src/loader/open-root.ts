/*
 * A root whose directories are held open as descriptors, for work in places that another user may change.
 *
 * `Root` walks by paths, which is fast, and makes sure afterwards that what it opened is where it was found. Here each
 * name is looked up in the open directory, so that no path is looked up a second time, and the walk knows whose
 * directories and links it went through (source/trust.ts). With `keep`, what was found stays open: the file that was
 * planned for is the one that is copied, whatever has taken its name meanwhile.
 */
import {type BigIntStats, readlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {DirFd, openDirectory, type PathFd} from '../source/dir-fd.js';
import {type FileSource, notAFile} from '../source/file.js';
import {
  fullTrust,
  mayChange,
  mayEnter,
  mayShow,
  type Trust,
  throughContent,
  throughDirectory,
  throughLink,
  wordOf,
} from '../source/trust.js';
import {absolutePath} from '../source/working-directory.js';
import {codeOf, longestPath, mostLinks, type Resolution, type ResolveOptions, Root} from './root.js';

/** Something that was found in a directory. */
interface Node {
  readonly name: string;
  readonly above: Node | undefined;
  readonly inside: string;
  readonly stats: BigIntStats;
  /** Undefined if it was closed again, as files are when there are too many. */
  entry: PathFd | undefined;
  /** Entries in it that are open, too. */
  readonly children: Map<string, Node>;
  /** The target of a link, once it was read. */
  text?: string;
}

/** At most this many files are kept open; directories and links, which are fewer, all stay open. */
const mostFiles = 1000;

/** How a root is opened. */
interface OpenRootOptions {
  /** Keep what is found open until the root is closed; otherwise it may change meanwhile. */
  readonly keep?: boolean;
  /** Whether others will see what is read, so that no path may lead to private files. Default: true. */
  readonly forOthers?: boolean;
  readonly cwd?: string;
}

/** An open root directory, and all that is found in it. */
export class OpenRoot extends Root implements Disposable {
  readonly #top: Node;
  readonly #keep: boolean;
  readonly #forOthers: boolean;
  readonly #nodes: Node[] = [];
  readonly #files: Node[] = [];

  /** @param top is closed with the root */
  constructor(top: DirFd = openDirectory('/'), {keep = false, forOthers = true, cwd}: OpenRootOptions = {}) {
    super(top, cwd);
    this.#keep = keep;
    this.#forOthers = forOthers;
    this.#top = {
      name: '',
      above: undefined,
      inside: '/',
      stats: top.bigStats,
      entry: top,
      children: new Map(),
    };
    this.#nodes.push(this.#top);
  }

  /** Open a directory of this machine as a root. @throws ElfError FILE_SYSTEM, OUTSIDE as `enter` does */
  static at(directory: string, options: OpenRootOptions = {}): OpenRoot {
    using machine = new OpenRoot();
    try {
      return new OpenRoot(machine.enter(absolutePath(directory)), options);
    } catch (error) {
      throw error instanceof ElfError && error.code === 'FILE_SYSTEM' ? error.at(directory) : error;
    }
  }

  /**
   * Open a root to copy files from. A user other than root can only copy what he may read anyway, wherever links lead.
   *
   * @throws ElfError as `at` does
   */
  static toCopyFrom(directory = '/'): OpenRoot {
    return OpenRoot.at(directory, {keep: true, forOthers: process.geteuid?.() === 0});
  }

  /** The directory itself. */
  get top(): DirFd {
    return directoryOf(this.#top);
  }

  override resolve(path: string, {follow = true}: ResolveOptions = {}): Resolution {
    return this.#walk(path, follow, (end) => (end instanceof Stop ? end.resolution : this.#found(end, path)));
  }

  override lookUp(path: string): Resolution {
    const there = this.resolve(path);
    // Use the loader's name for it, as `Root` does for the machine's own root.
    return there.found && this.isTrivial ? {...there, host: this.absolute(path)} : there;
  }

  override source(host: string): FileSource {
    return this.#at(host, (entry) => entry.source(host));
  }

  override lend<T>(host: string, call: (path: string) => T): T {
    return this.#at(host, (entry) => {
      if (!entry.stats.isFile()) throw notAFile(host, entry.stats);
      return call(entry.path);
    });
  }

  override names(host: string): string[] {
    return this.#at(host, (entry) => {
      if (entry instanceof DirFd) return entry.names();
      throw systemError(host, Object.assign(new Error('ENOTDIR'), {code: 'ENOTDIR'}));
    });
  }

  override readLink(inside: string): string {
    return this.#walk(inside, false, (end) => {
      if (end instanceof Stop) throw end.error(inside);
      return readLink(end.node);
    });
  }

  /**
   * Open a directory in the root, to change what is in it.
   *
   * @param make create it and its parents if they do not exist
   * @param onMade called for each directory that was created, with its path inside
   * @throws ElfError OUTSIDE when a user's link leads to a directory of another user
   */
  enter(path: string, make = false, onMade: (path: string) => void = () => {}): DirFd {
    return this.#walk(path, true, (end) => {
      if (end instanceof Stop) {
        if (!make || end.resolution.code !== 'ENOENT') throw end.error(path);
        this.#requireOwn(end.trust, end.node, path);
        return makeAll(end, onMade);
      }
      if (!(end.node.entry instanceof DirFd))
        throw systemError(path, Object.assign(new Error('ENOTDIR'), {code: 'ENOTDIR'}));
      this.#requireOwn(end.trust, end.node, path);
      return directoryOf(end.node).dup();
    });
  }

  /** The other user who controls where a path leads; undefined if only root and this user do. */
  foreignerOf(path: string): Trust['foreigner'] {
    return this.#walk(path, true, ({trust}) => trust.foreigner);
  }

  /**
   * The other user who controls what is in a file, through its path or by writing to it. The owner of a file in a
   * directory that he cannot enter no longer controls it: root unpacked it there.
   */
  authorOf(path: string): Trust['foreigner'] {
    return this.#walk(path, true, ({node, trust}) => {
      const {foreigner} = throughContent(trust, node.stats);
      for (let above = node.above; above !== undefined; above = above.above)
        if (!mayEnter(foreigner, above.stats)) return undefined;
      return foreigner;
    });
  }

  /**
   * Make sure that another user who causes a file to be copied could read it himself.
   *
   * @throws ElfError OUTSIDE
   */
  requireOpenTo(foreigner: Trust['foreigner'], path: string): void {
    if (foreigner === undefined || !this.#forOthers) return;
    this.#walk(path, true, ({node, trust}) => this.#requireShown(node, trust), wordOf(foreigner));
  }

  [Symbol.dispose](): void {
    for (const node of this.#nodes) node.entry?.[Symbol.dispose]();
    this.#nodes.length = 0;
  }

  #found({node, trust}: End, path: string): Resolution {
    const {inside, stats} = node;
    // Do not reveal the targets of links in directories that are closed to the user who led here.
    const shown = this.hostPath(trust.isOpen ? inside : this.absolute(path));
    if (!stats.isSymbolicLink()) this.#requireShown(node, trust, shown);
    return {found: true, inside, host: this.hostPath(inside), stats};
  }

  #requireShown({inside, stats}: Node, trust: Trust, path = this.hostPath(inside)): void {
    if (this.#forOthers && !mayShow(trust, stats)) throw notForAll(path, trust);
  }

  #requireOwn(trust: Trust, {stats, inside}: Node, path: string): void {
    if (mayChange(trust, stats)) return;
    throw new ElfError('OUTSIDE', `a link of user ${trust.linkedBy} points to a directory of another user`, {
      path: this.hostPath(posix.join('/', path)),
      expected: 'the path of the directory itself',
      got: this.hostPath(inside),
    });
  }

  #at<T>(host: string, use: (entry: PathFd) => T): T {
    const inside = this.isTrivial ? host : host.slice(this.host.length) || '/';
    return this.#walk(inside, true, (end) => {
      if (end instanceof Stop) throw end.error(host);
      this.#requireShown(end.node, end.trust, host);
      return use(this.#entryOf(end.node));
    });
  }

  #walk<T>(path: string, follow: boolean, use: (end: End | Stop) => T, start = fullTrust): T {
    const before = this.#nodes.length;
    try {
      return use(this.#run(path, follow, start));
    } finally {
      if (!this.#keep) this.#letGo(before);
    }
  }

  #letGo(before: number): void {
    for (const {entry, above, name} of this.#nodes.splice(before)) {
      above?.children.delete(name);
      entry?.[Symbol.dispose]();
    }
    this.#files.length = 0;
  }

  #run(path: string, follow: boolean, start: Trust): End | Stop {
    const whole = path === '' ? '' : this.absolute(path);
    if (whole === '' || path.includes('\0')) return new Stop(this.#top, fullTrust, 'ENOENT', [path]);
    if (path.length > longestPath) return new Stop(this.#top, fullTrust, 'ENAMETOOLONG', [whole]);
    let [node, trust, links] = [this.#top, throughDirectory(start, this.#top.stats), 0];
    const pending = whole.split('/').reverse();
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const rest = () => [name ?? '', ...pending.toReversed()].filter((part) => part !== '');
      if (!node.stats.isDirectory()) return new Stop(node, trust, 'ENOTDIR', rest());
      if (name === '' || name === '.') continue;
      if (name === '..') {
        node = node.above ?? node;
        continue;
      }
      const next = this.#step(node, name);
      if (typeof next === 'string') return new Stop(node, trust, next, rest());
      if (next.stats.isSymbolicLink() && (follow || pending.some((part) => part !== ''))) {
        if (++links > mostLinks) return new Stop(node, trust, 'ELOOP', rest());
        trust = throughLink(trust, next.stats);
        const text = readLink(next);
        pending.push(...text.split('/').reverse());
        if (text.startsWith('/')) node = this.#top;
      } else {
        if (next.stats.isDirectory()) trust = throughDirectory(trust, next.stats);
        node = next;
      }
    }
    return {node, trust};
  }

  #step(above: Node, name: string): Node | string {
    const known = above.children.get(name);
    if (known !== undefined) return known;
    try {
      const entry = directoryOf(above).step(name);
      const inside = above.inside === '/' ? `/${name}` : `${above.inside}/${name}`;
      const node: Node = {name, above, inside, stats: entry.bigStats, entry, children: new Map()};
      above.children.set(name, node);
      this.#nodes.push(node);
      if (!entry.stats.isDirectory() && !entry.stats.isSymbolicLink()) this.#limitFiles(node);
      return node;
    } catch (error) {
      return codeOf(this.hostPath(posix.join(above.inside, name)), error);
    }
  }

  /** A file that was closed is reopened by its name, if it is still the same. @throws ElfError CHANGED */
  #entryOf(node: Node): PathFd {
    const {name, above, stats} = node;
    if (node.entry !== undefined || above === undefined) return node.entry ?? directoryOf(node);
    const entry = directoryOf(above).step(name);
    const {dev, ino} = entry.bigStats;
    if (dev !== stats.dev || ino !== stats.ino) {
      entry[Symbol.dispose]();
      throw new ElfError('CHANGED', 'another file has replaced it', {path: entry.real});
    }
    node.entry = entry;
    this.#limitFiles(node);
    return entry;
  }

  #limitFiles(node: Node): void {
    this.#files.push(node);
    const oldest = this.#files.length > mostFiles ? this.#files.shift() : undefined;
    oldest?.entry?.[Symbol.dispose]();
    if (oldest !== undefined) oldest.entry = undefined;
  }
}

/** Where a path led. */
interface End {
  readonly node: Node;
  readonly trust: Trust;
}

/** How far a path that leads nowhere could be followed. */
class Stop {
  readonly node: Node;
  readonly trust: Trust;
  readonly resolution: Extract<Resolution, {found: false}>;

  constructor(node: Node, trust: Trust, code: string, rest: readonly string[]) {
    this.node = node;
    this.trust = trust;
    this.resolution = {found: false, code, reached: node.inside, rest};
  }

  error(path: string): ElfError {
    const {code} = this.resolution;
    return systemError(path, Object.assign(new Error(code), {code}));
  }
}

function directoryOf({entry, inside}: Node): DirFd {
  if (entry instanceof DirFd) return entry;
  throw new ElfError('CHANGED', 'no longer a directory', {path: inside});
}

/** Only the owner of the directory could change the link meanwhile, and that owner is already checked. */
function readLink(link: Node): string {
  const {above, name} = link;
  try {
    link.text ??= above === undefined ? '' : readlinkSync(directoryOf(above).at(name));
    return link.text;
  } catch (cause) {
    throw new ElfError('CHANGED', 'the link was replaced while being followed', {path: link.inside, cause});
  }
}

function makeAll({node, resolution}: Stop, onMade: (path: string) => void): DirFd {
  let here = directoryOf(node).dup();
  let {inside} = node;
  for (const name of resolution.rest.filter((part) => part !== '.')) {
    using above = here;
    here = above.make(name);
    inside = posix.join(inside, name);
    onMade(inside);
  }
  return here;
}

function notForAll(path: string, {foreigner}: Trust): ElfError {
  const who = foreigner === 'anybody' ? 'others' : `user ${foreigner}`;
  return new ElfError(
    'OUTSIDE',
    `${who} can change where this path points, and may not read the file there`,
    {
      path,
      expected: 'a file readable by everyone, or a path whose directories only root or you may change',
    },
  );
}
