// h5manager-wasm: the engine as one module for node and the browser, beside its WebAssembly, into package/dist.

import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export default defineConfig({
  publicDir: false,
  plugins: [
    {
      name: 'wasm-beside',
      closeBundle: () => copyFileSync(here('src/engine/engine.wasm'), here('package/dist/engine.wasm')),
    },
  ],
  build: {
    target: 'es2022',
    minify: false,
    outDir: 'package/dist',
    emptyOutDir: true,
    lib: { entry: here('src/engine/package.ts'), formats: ['es'], fileName: () => 'index.js' },
    rolldownOptions: { external: [/^node:/] },
  },
});
