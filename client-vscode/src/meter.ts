/** The payload of `bursar/meter`; `text` and `tooltip` are ready to show. */
export interface Meter {
  readonly text: string;
  readonly tooltip: string;
  readonly level: "ok" | "notice" | "warning" | "critical" | "over" | "off";
  readonly spent_usd: string;
  readonly limit_usd: string | null;
  readonly resets_at: string | null;
  readonly running: unknown;
}

/** The theme colour behind the meter at a level; undefined for none. */
export function meterBackground(level: Meter["level"]): string | undefined {
  switch (level) {
    case "warning":
      return "statusBarItem.warningBackground";
    case "critical":
    case "over":
      return "statusBarItem.errorBackground";
    default:
      return undefined;
  }
}
