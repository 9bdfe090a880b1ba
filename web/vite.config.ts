import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const shim = (file: string) => fileURLToPath(new URL(`./src/shim/${file}`, import.meta.url));

export default defineConfig({
  // Relative, so that the page works from any folder of any server, and under the binary's token path.
  base: './',
  plugins: [react()],
  worker: {
    format: 'es',
    rolldownOptions: { output: { entryFileNames: 'assets/[name].js', assetFileNames: 'assets/[name][extname]' } },
  },
  resolve: {
    alias: [
      // Both build their functions from strings, which the page's policy forbids.
      { find: /^ndarray$/, replacement: shim('ndarray.ts') },
      { find: /^ndarray-ops$/, replacement: shim('ndarray-ops.ts') },
    ],
  },
  build: {
    target: 'es2022',
    sourcemap: false,
    // The licences of what is built in.
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    // No asset becomes a data: URL in a script; and names without hashes, so that a rebuild changes few names
    // and the binary can name what it embeds.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
});
