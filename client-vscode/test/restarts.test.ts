import { expect, test } from "vitest";
import { Restarts } from "../src/restarts";

function after(...seconds: number[]): (number | undefined)[] {
  let now = 0;
  const restarts = new Restarts(() => now * 1_000);
  return seconds.map((each) => {
    now = each;
    return restarts.ended();
  });
}

test("a server that is killed three times within a minute is started again at once or nearly so", () => {
  expect(after(0, 20, 40)).toEqual([0, 500, 1_000]);
});

test("even the sixth end within three minutes is no reason to give up", () => {
  expect(after(0, 10, 20, 30, 40, 50).at(-1)).toBe(2_000);
});

test("one that ends again and again is given up, and what is long past does not count", () => {
  const ends = Array.from({ length: 11 }, (_, second) => second);
  expect(after(...ends).at(-1)).toBeUndefined();
  expect(after(...ends, 1_000).at(-1)).toBe(0);
});

test("the user's own try begins anew", () => {
  const restarts = new Restarts(() => 0);
  for (let count = 0; count < 11; count += 1) {
    restarts.ended();
  }
  expect(restarts.ended()).toBeUndefined();
  restarts.forget();
  expect(restarts.ended()).toBe(0);
});
