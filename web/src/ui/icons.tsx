// Line icons on a 24 × 24 grid, drawn for this page.

const PATHS = {
  group: 'M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z',
  array: 'M4 4h16v16H4zM4 9.3h16M4 14.7h16M9.3 4v16M14.7 4v16',
  scalar: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 11.5v.9',
  text: 'M5 6h14M12 6v13M9.5 19h5',
  table: 'M4 5h16v14H4zM4 10h16M10 10v9',
  images: 'M7 4h13v12H7zM4 8v12h13M8 14l4-4 3 3 2-2 3 3',
  datatype: 'M8 5c-3 0-2 3-2 5 0 1.5-2 2-2 2s2 .5 2 2c0 2-1 5 2 5M16 5c3 0 2 3 2 5 0 1.5 2 2 2 2s-2 .5-2 2c0 2 1 5-2 5',
  broken: 'M12 4 2.5 20h19zM12 10v4.500M12 17v.3',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.700l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.700l1-1',
  chevron: 'M9 6l6 6-6 6',
  down: 'M6 9l6 6 6-6',
  left: 'M15 6l-6 6 6 6',
  search: 'M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15.5 15.5 20 20',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4',
  moon: 'M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z',
  close: 'M6 6l12 12M18 6 6 18',
  menu: 'M4 7h16M4 12h16M4 17h16',
  info: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 11v5M12 8v.3',
  export: 'M12 4v11M7.5 10.5 12 15l4.5-4.500M5 20h14',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  share: 'M12 15V4M8 7.5 12 4l4 3.500M6 12H5v8h14v-8h-1',
  code: 'M9 7l-5 5 5 5M15 7l5 5-5 5',
  open: 'M4 18V6h5l2 2h7v3M4 18l3-7h14l-3 7z',
  plot: 'M4 4v16h16M7 15l4-5 3 3 5-7',
  heat: 'M4 4h16v16H4zM4 12h16M12 4v16M4 4l8 8',
  stats: 'M5 20V11M10 20V5M15 20v-7M20 20V8',
  check: 'M5 12.5 10 17l9-10',
  compare: 'M4 5h7v14H4zM13 5h7v14h-7z',
  reload: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  keyboard: 'M3 7h18v10H3zM7 10.500h.01M10.5 10.500h.01M14 10.500h.01M17.5 10.500h.01M8 14h8',
  home: 'M4 11l8-7 8 7v9h-5v-5H9v5H4z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
