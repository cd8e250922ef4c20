import { fileURLToPath } from 'node:url';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The files of the dashboard by the URL path that each is served at. They need no network beyond the API. */
export const dashboardFiles: Readonly<Record<string, string>> = Object.freeze({
  '/': fileOf('../static/index.html'),
  '/style.css': fileOf('../static/style.css'),
  '/icon.svg': fileOf('../static/icon.svg'),
  '/app.js': fileOf('../dist/app.js'),
  '/view.js': fileOf('../dist/view.js'),
});
