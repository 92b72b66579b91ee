// Numbers and times as the reader's language writes them.
import { currentLanguage, unitName } from "./texts.js";

const DAY_MS = 86_400_000;

/** A measured number with four significant digits at most; whole numbers stay whole. */
export function number(value, digits = 4) {
  const rounded = Number(value.toPrecision(digits));
  const options = Math.abs(value) >= 10 ** digits ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return new Intl.NumberFormat(currentLanguage(), options).format(rounded);
}

/** Digits that make sense for a finding: a share has two places, a large number three digits. */
export function measured(value, unit) {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 10_000) return number(value, 5);
  if (unit === "1" && size < 1) return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: size < 0.01 ? 4 : 2 }).format(value);
  return number(value, size >= 1000 ? 3 : size >= 100 ? 4 : 3);
}

/** {text, unit}: a number of cubic or square pixels is shown in thousands or millions, so that it can be read. */
export function quantity(value, unit) {
  return { text: measured(value, unit), unit: unitName(unit) };
}

export const percent = (fraction) =>
  new Intl.NumberFormat(currentLanguage(), { style: "percent", maximumFractionDigits: 0 }).format(
    fraction >= 0.995 && fraction < 1 ? 0.99 : fraction); // nothing but certainty is called 100 %

export const whole = (value) => new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 0 }).format(value);

export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  return new Intl.NumberFormat(currentLanguage(), { style: "unit", unit: units[power], maximumFractionDigits: 1 }).format(count / 1000 ** power);
}

export const clock = (time) =>
  new Intl.DateTimeFormat(currentLanguage(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(new Date(time));

export const clockMinutes = (time) =>
  new Intl.DateTimeFormat(currentLanguage(), { hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(time));

/** Day and time, as "24 Nov 2026, 14:05:10". */
export const dateTime = (time) =>
  new Intl.DateTimeFormat(currentLanguage() === "en" ? "en-GB" : currentLanguage(), { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));

export const day = (time) =>
  new Intl.DateTimeFormat(currentLanguage() === "en" ? "en-GB" : currentLanguage(), { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(time));

/** "5 minutes ago" up to a day, then the date. */
export function ago(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  if (Math.abs(seconds) < 60) return words.format(Math.round(seconds), "second");
  if (Math.abs(seconds) < 3600) return words.format(Math.round(seconds / 60), "minute");
  if (Math.abs(seconds) < DAY_MS / 1000) return words.format(Math.round(seconds / 3600), "hour");
  return dateTime(time);
}

/** Midnight of a day before today, as RFC 3339. */
export function midnight(daysBefore) {
  const start = new Date();
  start.setHours(0, 0, 0, 0);
  return new Date(start - daysBefore * DAY_MS).toISOString();
}
