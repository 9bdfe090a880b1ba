/** Hands bytes to the person: the browser's own download. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A file's name made of a path inside a file and what is shown of it. */
export function fileName(path: string, part: string, suffix: string): string {
  const name = `${path === '/' ? 'root' : path.slice(1)}${part ? `[${part}]` : ''}`;
  // What file systems and shells dislike becomes an underscore.
  // eslint-disable-next-line no-control-regex
  return `${name.replace(/[/\\:*?"<>|\u0000-\u001f]/g, '_').slice(0, 120)}.${suffix}`;
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No permission, or not a secure place: the old way.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}
