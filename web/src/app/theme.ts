// Dark or light: what the system says, until somebody presses the button; that choice alone is remembered.

export type Theme = 'light' | 'dark';

const KEY = 'h5manager.theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : undefined;
  } catch {
    return undefined; // storage is forbidden: the system decides
  }
}

export function currentTheme(): Theme {
  return chosen() ?? (system.matches ? 'dark' : 'light');
}

export function applyTheme(theme = currentTheme()): void {
  document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Not remembered, but applied.
  }
  applyTheme(theme);
}

/** Tells when the system changes its mind; returns how to stop. */
export function onThemeChange(listener: () => void): () => void {
  const told = () => {
    applyTheme();
    listener();
  };
  system.addEventListener('change', told);
  return () => system.removeEventListener('change', told);
}
