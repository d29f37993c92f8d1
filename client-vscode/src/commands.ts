import * as vscode from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";
import { type ContextWindow, contextItems, type PinRow, partChoices } from "./context";
import { storeKey } from "./keys";
import { lensAt } from "./lenses";
import { actionsFor, actionTitle, type RunAction, type RunRow, rewindItems, runsFor } from "./runs";
import { keysDescriptor } from "./server";

const MOST_LENSES = 10_000;

/** The palette's commands. Those of the lenses belong to the server and are registered for it by the client library. */
export function registerCommands(
  client: LanguageClient,
  secrets: vscode.SecretStorage,
  log: vscode.LogOutputChannel,
): vscode.Disposable[] {
  const register = (name: string, act: () => Promise<void>) =>
    vscode.commands.registerCommand(name, () => act().catch((error: unknown) => showFailure(error, log)));
  return [
    register("bursar.runTaskHere", runTaskHere),
    register("bursar.pauseCurrent", () => actOnOne(client, "bursar.pauseRun", "is running")),
    register("bursar.resumeCurrent", () => actOnOne(client, "bursar.resumeRun", "waits to be resumed")),
    register("bursar.acceptCurrent", () => actOnOne(client, "bursar.acceptRun", "waits for its check")),
    register("bursar.stopCurrent", () => actOnOne(client, "bursar.stopRun", "can be stopped")),
    register("bursar.showRuns", () => showRuns(client)),
    register("bursar.showContext", () => showContext(client)),
    register("bursar.addSelectionHere", () => addSelection(client)),
    register("bursar.showReport", showReport),
    register("bursar.setBudgetHere", setBudget),
    register("bursar.toggleSmallSizes", async () => {
      await vscode.commands.executeCommand("bursar.toggleSmallHints", {});
    }),
    register("bursar.setKey", () => setKey(client, secrets)),
    register("bursar.openLog", async () => log.show()),
  ];
}

async function runTaskHere(): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    throw new Error("No editor is open: open a tasks.md and put the cursor on a task.");
  }
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    "vscode.executeCodeLensProvider",
    editor.document.uri,
    MOST_LENSES,
  );
  const chosen = lensAt(lenses, editor.selection.active.line);
  if (!chosen.ok) {
    throw new Error(chosen.problem);
  }
  await vscode.commands.executeCommand(chosen.command, ...chosen.args);
}

async function showRuns(client: LanguageClient): Promise<void> {
  const run = await pickRun(await allRuns(client), "No run yet in this workspace.");
  if (run === undefined) {
    return;
  }
  const actions: { label: string; act: () => Promise<void> }[] = actionsFor(run).map((action) => ({
    label: actionTitle(action),
    act: () => act(action, run),
  }));
  if (rewindItems(run).length > 0) {
    actions.push({ label: "Rewind to…", act: () => rewind(run) });
  }
  actions.push({ label: "Show Context", act: () => showContext(client, run.run) });
  await (await vscode.window.showQuickPick(actions, { placeHolder: run.label }))?.act();
}

async function rewind(run: RunRow): Promise<void> {
  const step = await vscode.window.showQuickPick(rewindItems(run), {
    placeHolder: "Rewind to here: just before which step?",
  });
  if (step) {
    await vscode.commands.executeCommand("bursar.rewind", { run: run.run, step: step.step });
  }
}

async function actOnOne(client: LanguageClient, action: RunAction, says: string): Promise<void> {
  const runs = runsFor(action, await allRuns(client));
  const [only, ...more] = runs;
  const run = only && more.length === 0 ? only : await pickRun(runs, `No run of this workspace ${says}.`);
  if (run) {
    await act(action, run);
  }
}

async function act(action: RunAction, run: RunRow): Promise<void> {
  await vscode.commands.executeCommand(action, { run: run.run });
}

/** The window of a run (the newest, if none is named) and what is pinned for later ones; each can be acted on. */
async function showContext(client: LanguageClient, run?: string): Promise<void> {
  checkRunning(client);
  const shown = await client.sendRequest<ContextWindow>("bursar/context", run === undefined ? {} : { run });
  const items = contextItems(shown);
  if (items.length === 0) {
    void vscode.window.showInformationMessage(`Bursar: ${shown.summary} Nothing is pinned.`);
    return;
  }
  const picked = await vscode.window.showQuickPick(items, { placeHolder: shown.summary, matchOnDetail: true });
  if (picked === undefined) {
    return;
  }
  if ("pin" in picked) {
    await actOnPin(picked.pin);
    return;
  }
  const choices = partChoices(picked.part, shown.run);
  if (choices.length > 0) {
    const chosen = await vscode.window.showQuickPick(choices, { placeHolder: picked.label });
    if (chosen !== undefined) {
      await vscode.commands.executeCommand(chosen.command, chosen.argument);
    }
  }
}

async function actOnPin(pin: PinRow): Promise<void> {
  const open = "Open";
  const chosen = await vscode.window.showQuickPick([open, "Unpin"], { placeHolder: pin.message });
  if (chosen === open) {
    const at = (pin.lines?.[0] ?? 1) - 1;
    await vscode.window.showTextDocument(vscode.Uri.parse(pin.uri), { selection: new vscode.Range(at, 0, at, 0) });
  } else if (chosen !== undefined) {
    await vscode.commands.executeCommand("bursar.unpin", { item: pin.item });
  }
}

/** Without a selection the whole file. */
async function addSelection(client: LanguageClient): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    throw new Error("No editor is open: open the file that later runs are to carry.");
  }
  checkRunning(client);
  const converter = client.code2ProtocolConverter;
  await vscode.commands.executeCommand("bursar.addSelection", {
    uri: converter.asUri(editor.document.uri),
    ...(editor.selection.isEmpty ? {} : { range: converter.asRange(editor.selection) }),
  });
}

function checkRunning(client: LanguageClient): void {
  if (client.state !== State.Running) {
    throw new Error("Bursar's server is not running: Bursar: Open Log says why.");
  }
}

async function allRuns(client: LanguageClient): Promise<readonly RunRow[]> {
  checkRunning(client);
  const answer = await client.sendRequest<{ runs: RunRow[] }>("bursar/runs", {});
  return answer.runs;
}

async function pickRun(runs: readonly RunRow[], none: string): Promise<RunRow | undefined> {
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(`Bursar: ${none}`);
    return undefined;
  }
  const items = runs.map((run) => ({ label: run.label, ...(run.detail ? { detail: run.detail } : {}), run }));
  return (await vscode.window.showQuickPick(items, { placeHolder: "Runs of this workspace" }))?.run;
}

/** The server's page in a tab: it has no script and a policy of its own that allows only its style. */
async function showReport(): Promise<void> {
  const written = await vscode.commands.executeCommand<{ path: string }>("bursar.openReport", { show: false });
  const page = await vscode.workspace.fs.readFile(vscode.Uri.file(written.path));
  const options = { enableScripts: false, localResourceRoots: [] };
  const panel = vscode.window.createWebviewPanel("bursar.report", "Bursar: Report", vscode.ViewColumn.Active, options);
  panel.webview.html = new TextDecoder().decode(page);
}

async function setBudget(): Promise<void> {
  const scopes = [
    { label: "Each run", description: "the most that one run may cost", scope: "run" },
    { label: "Each day", description: "the most that a calendar day may cost", scope: "day" },
    { label: "Each week", description: "Monday to Sunday", scope: "week" },
    { label: "Each month", description: "a calendar month", scope: "month" },
    { label: "Each task", description: "all runs of one task", scope: "task" },
    { label: "Each session", description: "this window from its start to its end", scope: "session" },
    { label: "Each workspace", description: "all that is run in one workspace, ever", scope: "workspace" },
    { label: "Each request", description: "the most that a single request may cost", scope: "request" },
    { label: "Run as in the settings", description: "forget the amount that was set here", scope: "run", unset: true },
    { label: "Day as in the settings", description: "forget the amount that was set here", scope: "day", unset: true },
  ];
  const picked = await vscode.window.showQuickPick(scopes, { placeHolder: "Which budget?" });
  if (picked === undefined) {
    return;
  }
  if (picked.unset) {
    await vscode.commands.executeCommand("bursar.setBudget", { scope: picked.scope, unset: true });
    return;
  }
  const amount = await vscode.window.showInputBox({
    title: `Budget for ${picked.label.toLowerCase()}`,
    prompt: "For example 2usd, 200ktok or 300req. A paused run takes it when it is resumed.",
    ignoreFocusOut: true,
  });
  if (amount !== undefined && amount.trim() !== "") {
    await vscode.commands.executeCommand("bursar.setBudget", { scope: picked.scope, amount: amount.trim() });
  }
}

async function setKey(client: LanguageClient, secrets: vscode.SecretStorage): Promise<void> {
  if (keysDescriptor === null) {
    throw new Error(
      "On Windows keys are not handed to the server yet: set the provider's environment variable instead.",
    );
  }
  const configured = vscode.workspace.getConfiguration("bursar").get<Record<string, unknown>>("providers") ?? {};
  const names = [...new Set(["anthropic", "openai", ...Object.keys(configured)])];
  const provider = await vscode.window.showQuickPick(names, { placeHolder: "Which provider is the key for?" });
  if (provider === undefined) {
    return;
  }
  const key = await vscode.window.showInputBox({
    title: `Key for ${provider}`,
    prompt: "Kept in the editor's secret storage. Leave it empty to forget the stored key.",
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) {
    return;
  }
  await storeKey(secrets, provider, key.trim());
  const restart = "Restart Server";
  const said = `Bursar: the key for ${provider} is ${key.trim() === "" ? "forgotten" : "stored"}.`;
  const picked = await vscode.window.showInformationMessage(
    `${said} The server reads keys when it starts; a run that is going on pauses when it restarts.`,
    restart,
  );
  if (picked === restart) {
    await client.restart();
  }
}

function showFailure(error: unknown, log: vscode.LogOutputChannel): void {
  const text = error instanceof Error ? error.message : String(error);
  log.error(text);
  void vscode.window.showErrorMessage(`Bursar: ${text}`);
}
