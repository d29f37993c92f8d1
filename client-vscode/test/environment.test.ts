import { expect, test } from "vitest";
import { serverEnvironment } from "../src/environment";

test("the environment goes through as it is where no key is stored", () => {
  const environment = { PATH: "/usr/bin", ANTHROPIC_API_KEY: "sk-shell", BURSAR_HOME: "/home/me/b", GONE: undefined };
  expect(serverEnvironment(environment, {}, {})).toEqual({
    PATH: "/usr/bin",
    ANTHROPIC_API_KEY: "sk-shell",
    BURSAR_HOME: "/home/me/b",
  });
});

test("a stored key is in no variable, under whatever name", () => {
  const environment = { PATH: "/usr/bin", MY_KEY: "sk-stored", OPENAI_API_KEY: "sk-other" };
  expect(serverEnvironment(environment, { anthropic: "sk-stored" }, {})).toEqual({
    PATH: "/usr/bin",
    OPENAI_API_KEY: "sk-other",
  });
});

test("a stale key of a provider whose key is stored is taken out", () => {
  const environment = { ANTHROPIC_API_KEY: "sk-stale", HOUSE_TOKEN: "sk-stale-too", OPENAI_API_KEY: "sk-other" };
  const providers = { house: { wire: "openai-chat", base_url: "https://house", key_env: "HOUSE_TOKEN" } };
  expect(serverEnvironment(environment, { anthropic: "a", house: "b" }, providers)).toEqual({
    OPENAI_API_KEY: "sk-other",
  });
});
