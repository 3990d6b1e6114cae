/** `sandbox`: a configuration from flags, and its container's whole life. */
import type { BundleSource } from '../../bundles/make.ts';
import type { Config } from '../../spec/config.ts';
import { loadConfig } from '../../spec/load.ts';
import { addon } from '../addon.ts';
import type { RequestOf } from '../cli/parse.ts';
import { UsageError } from '../cli/usage.ts';
import { type Context, containerOf, currentDirectory, stateRoot } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { explain } from '../explain.ts';
import { probeHost } from '../host.ts';
import { print } from '../output.ts';
import { plan } from '../plan.ts';
import { joinBridge } from '../sandbox/bridge.ts';
import { configFile, makeBundleDirectory, writeBundle } from '../sandbox/bundle.ts';
import { type SandboxBundle, type SandboxPlace, sandboxConfig } from '../sandbox/config.ts';
import { checkCopies } from '../sandbox/copies.ts';
import { ofFlags } from '../sandbox/flag-names.ts';
import { checkKept, keepNamespaces } from '../sandbox/keep-namespaces.ts';
import { Keeper } from '../sandbox/keeper.ts';
import { findNetworkProgram, startNetwork } from '../sandbox/network-program.ts';
import { probeSandbox } from '../sandbox/probe.ts';
import { type SandboxRequest, sandboxRequest } from '../sandbox/request.ts';
import { archiveOf, unpackRootfs } from '../sandbox/rootfs.ts';
import { makeScratch } from '../sandbox/scratch.ts';
import { openUpper } from '../sandbox/upper.ts';
import { seccompLibrary } from '../seccomp/library.ts';
import { compileUsable } from '../seccomp/usable.ts';
import { prepareRoot } from '../state-root.ts';
import { Container } from '../store.ts';
import { quote } from '../text.ts';
import { Undo } from '../undo.ts';
import { runContainer } from './run.ts';

/** A name that no other sandbox of now has: two processes never share a pid, nor one pid two times. */
function newName(): string {
  return `sandbox-${addon.getpid()}-${Math.floor(addon.monotonicMs()).toString(36)}`;
}

function showPlan(context: Context, asked: SandboxRequest, { id, bundle }: SandboxPlace, config: Config): void {
  // Read as any other configuration, so that what is shown is what would be done.
  const loaded = loadConfig(new TextEncoder().encode(JSON.stringify(config)), configFile(bundle)).config;
  const facts = probeHost(loaded);
  const planned = plan(
    {
      id,
      bundle,
      config: loaded,
      cgroupDriver: context.global.cgroupManager,
      mountPoint: containerOf(context, id).mountPoint,
      noPivot: false,
      needsCwd: asked.cwd !== undefined,
      newKeyring: true,
      preservedFds: 0,
      listenFds: 0,
      seccompProgram: loaded.linux?.seccomp && compileUsable(loaded.linux.seccomp, seccompLibrary()),
    },
    facts,
  );
  print(explain(planned, { id, bundle }, facts));
}

/** Has what goes wrong with the configuration told by the flags that it came of. */
function naming<T>({ bundle }: SandboxPlace, { flags }: SandboxBundle, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ofFlags(error, configFile(bundle), flags);
  }
}

function refuseToShow(source: BundleSource | undefined): void {
  if (source)
    throw new UsageError(
      `--rootfs: what ${quote(source.path)} makes of a sandbox is known when it is unpacked: make a bundle of it (tsrun bundle), and name its rootfs`,
    );
}

/** Runs what was made ready. */
function runBundle(
  context: Context,
  wish: SandboxRequest,
  container: Container,
  bundle: string,
  keeper: Keeper,
  undo: Undo,
): number {
  const { caller, global } = context;
  const { network } = wish;
  const program = network && findNetworkProgram(network.program, caller);
  return runContainer(
    context,
    {
      command: 'run',
      global,
      id: container.id,
      bundle,
      config: undefined,
      consoleSocket: undefined,
      pidFile: undefined,
      pidfdSocket: undefined,
      preserveFds: 0,
      noPivot: false,
      noNewKeyring: false,
      detach: false,
      keep: false,
      noSubreaper: false,
    },
    { container, needsCwd: wish.cwd !== undefined },
    (pid) => {
      keepNamespaces(wish.keep, pid, undo);
      if (wish.bridge) joinBridge(wish.bridge, pid, container);
      if (network && program !== undefined) startNetwork(program, pid, network, caller, container);
    },
    { endsAsAny: true },
    [keeper.pid],
  );
}

export function sandbox(context: Context, request: RequestOf<'sandbox'>): number {
  const asked = sandboxRequest(request, currentDirectory());
  const { rootfs } = asked;
  const source = rootfs && archiveOf(rootfs);
  const id = request.name ?? newName();
  const root = stateRoot(context);
  const container = new Container(root, id);
  const place: SandboxPlace = { id, bundle: container.path('bundle') };
  const found = probeSandbox(context, asked);
  if (request.printConfig || request.explain) {
    refuseToShow(source);
    const bundle = sandboxConfig(asked, found, place);
    if (request.printConfig) print(`${JSON.stringify(bundle.config, null, 2)}\n`);
    else naming(place, bundle, () => showPlan(context, asked, place, bundle.config));
    return 0;
  }
  // What cannot be is refused before there is anything.
  if (!source) {
    checkCopies(asked);
    sandboxConfig(asked, found, place);
  }
  if (asked.bridge && addon.geteuid() !== 0)
    throw new TsrunError(
      'host-unsupported',
      `--net veth:${asked.bridge.name}: a network of several sandboxes takes root: without, let one share another's by --net container:NAME --user container:NAME`,
    );
  checkKept(asked.keep);
  if (asked.network) findNetworkProgram(asked.network.program, context.caller);
  prepareRoot(root);
  container.claim();
  const undo = new Undo();
  undo.push(() => container.remove());
  let keeper: Keeper | undefined;
  try {
    const upper = asked.overlay?.upper === undefined ? undefined : openUpper(asked.overlay.upper);
    keeper = new Keeper(context, root, id, upper);
    makeBundleDirectory(place.bundle);
    const unpacked = source && unpackRootfs(context, source, `${makeScratch(container, context.caller)}/unpacked`);
    const wish = rootfs && unpacked ? { ...asked, rootfs: { ...rootfs, path: unpacked.path } } : asked;
    checkCopies(wish);
    const bundle = sandboxConfig(wish, { ...found, imageProcess: unpacked?.process }, place);
    writeBundle(place.bundle, bundle, upper);
    const started = keeper;
    return naming(place, bundle, () => runBundle(context, wish, container, place.bundle, started, undo));
  } catch (error) {
    throw undo.run(error);
  } finally {
    keeper?.dismiss();
  }
}
