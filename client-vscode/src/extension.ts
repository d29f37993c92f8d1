import { mkdirSync } from "node:fs";
import * as vscode from "vscode";
import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  LSPErrorCodes,
  ResponseError,
  State,
} from "vscode-languageclient/node";
import { registerCommands } from "./commands";
import { serverEnvironment } from "./environment";
import { findServer } from "./executable";
import { storedKeys } from "./keys";
import { type Meter, meterBackground } from "./meter";
import { GIVEN_UP, Restarts } from "./restarts";
import { keysDescriptor, startServer, thisMachine } from "./server";
import { settingsForServer } from "./settings";

const restarts = new Restarts(Date.now);
let pauseBeforeSpawn = 0;

let client: LanguageClient | undefined;

/** Start the server and place what it prepares. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("Bursar", { log: true });
  client = makeClient(context, log);
  const started = client;
  context.subscriptions.push(
    log,
    started,
    meter(started),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      if (started.state === State.Running) {
        // Trust may restart all extensions; a server on its way out needs no word, the next one is told at its start.
        started.sendNotification("bursar/trustChanged", { trusted: true }).catch(() => undefined);
      }
    }),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("bursar.server.command")) {
        await started.stop().catch(() => undefined);
        await start(started, log);
      }
    }),
    ...registerCommands(started, context.secrets, log),
    vscode.commands.registerCommand("bursar.restartServer", () => startAgain(started, log)),
  );
  await start(started, log);
}

/** End the server; it settles what is in flight. */
export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function start(starting: LanguageClient, log: vscode.LogOutputChannel): Promise<void> {
  const found = findServer(serverCommand(), folders(), thisMachine());
  if (!found.ok) {
    log.error(found.problem);
    void offerSettings(found.problem);
    return;
  }
  try {
    await starting.start();
  } catch (error) {
    // The client library has already shown the failure; the log keeps it.
    log.error(error instanceof Error ? error : String(error));
  }
}

/** Start the server anew because the user wants it; its runs pause between two steps first where it still works. */
async function startAgain(starting: LanguageClient, log: vscode.LogOutputChannel): Promise<void> {
  restarts.forget();
  await starting.stop().catch(() => undefined);
  await start(starting, log);
}

/** The server has ended by itself: start it again soon; one that ends again and again is left to the user. */
function serverEnded(log: vscode.LogOutputChannel): CloseHandlerResult {
  const pause = restarts.ended();
  // Waited for where the server is spawned: until this has answered, requests would go to the closed connection.
  pauseBeforeSpawn = pause ?? 0;
  if (pause === undefined) {
    log.error(GIVEN_UP);
    void offerRestart();
    return { action: CloseAction.DoNotRestart, message: GIVEN_UP, handled: true };
  }
  const message = "The server has ended and is started again. What its runs did and paid is kept.";
  return { action: CloseAction.Restart, message, handled: true };
}

async function offerRestart(): Promise<void> {
  const again = "Start Again";
  const picked = await vscode.window.showErrorMessage(GIVEN_UP, again, "Open Log");
  if (picked !== undefined) {
    await vscode.commands.executeCommand(picked === again ? "bursar.restartServer" : "bursar.openLog");
  }
}

function makeClient(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): LanguageClient {
  const options: LanguageClientOptions = {
    // Every file: what an agent reads is the editor's text, whichever document that is.
    documentSelector: [{ scheme: "file" }],
    outputChannel: log,
    errorHandler: {
      error: (_error, _message, count) => ({
        action: count !== undefined && count <= 3 ? ErrorAction.Continue : ErrorAction.Shutdown,
      }),
      closed: () => serverEnded(log),
    },
    initializationOptions: () => ({ trusted: vscode.workspace.isTrusted, keysFd: keysDescriptor }),
    synchronize: { configurationSection: "bursar" },
    stdioOptions: { stdout: () => undefined, stderr: (input, channel) => forwardLines(input, channel) },
    middleware: {
      executeCommand: (command, args) => execute(command, args, log),
      workspace: {
        configuration: async (params, token, next) => {
          const values = await next(params, token);
          return Array.isArray(values) ? values.map(settingsForServer) : values;
        },
        didChangeConfiguration: async () => {
          const bursar = settingsForServer(vscode.workspace.getConfiguration().get("bursar"));
          await client?.sendNotification("workspace/didChangeConfiguration", { settings: { bursar } });
        },
      },
    },
  };
  return new LanguageClient("bursar", "Bursar", () => spawnServer(context), options);
}

/** Hand a command to the server. What it refuses it has told the user already; anything else is told here, once. */
async function execute(command: string, args: unknown[], log: vscode.LogOutputChannel): Promise<unknown> {
  try {
    return await client?.sendRequest(ExecuteCommandRequest.type, { command, arguments: args });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.error(`${command}: ${text}`);
    if (!(error instanceof ResponseError && error.code === LSPErrorCodes.RequestFailed)) {
      void vscode.window.showErrorMessage(`Bursar: ${text}`);
    }
    return undefined;
  }
}

async function spawnServer(context: vscode.ExtensionContext) {
  const pause = pauseBeforeSpawn;
  pauseBeforeSpawn = 0;
  await new Promise((done) => setTimeout(done, pause));
  const found = findServer(serverCommand(), folders(), thisMachine());
  if (!found.ok) {
    throw new Error(found.problem);
  }
  const keys = await storedKeys(context.secrets);
  const providers = vscode.workspace.getConfiguration("bursar").get("providers");
  // A folder of our own: an interpreter may import from where it is started, and a workspace must not be that place.
  const cwd = context.globalStorageUri.fsPath;
  mkdirSync(cwd, { recursive: true, mode: 0o700 });
  return startServer({ ...found, cwd, keys, env: serverEnvironment(process.env, keys, providers) });
}

function serverCommand(): readonly unknown[] {
  const command: unknown = vscode.workspace.getConfiguration("bursar").get("server.command");
  return Array.isArray(command) ? command : [];
}

function folders(): string[] {
  return (vscode.workspace.workspaceFolders ?? []).map((each) => each.uri.fsPath);
}

async function offerSettings(problem: string): Promise<void> {
  const open = "Open Settings";
  if ((await vscode.window.showErrorMessage(`Bursar did not start: ${problem}`, open)) === open) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "bursar.server.command");
  }
}

function meter(from: LanguageClient): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("bursar.meter", vscode.StatusBarAlignment.Left, 0);
  item.name = "Bursar";
  item.command = "bursar.showRuns";
  let running = false;
  const ending = from.onDidChangeState(({ newState }) => {
    const left = running && newState !== State.Running;
    running = newState === State.Running;
    if (left) {
      item.text = "$(sync) Bursar: server ended";
      item.tooltip = "It is started again by itself, else with Bursar: Restart Server. What runs did and paid is kept.";
      item.backgroundColor = undefined;
    }
  });
  const listening = from.onNotification("bursar/meter", (latest: Meter) => {
    const background = meterBackground(latest.level);
    item.text = latest.text;
    item.tooltip = latest.tooltip;
    item.backgroundColor = background === undefined ? undefined : new vscode.ThemeColor(background);
    item.show();
  });
  return vscode.Disposable.from(item, listening, ending);
}

function forwardLines(input: NodeJS.ReadableStream, channel: vscode.LogOutputChannel): void {
  let rest = "";
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      channel.info(line);
    }
  });
}
