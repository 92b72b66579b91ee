// Dark, for rooms in which pictures are read; or light.
const KEY = "edge-cad.theme";

export const currentTheme = () => localStorage.getItem(KEY) ?? "dark";

export function applyTheme(theme = currentTheme()) {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme;
}
