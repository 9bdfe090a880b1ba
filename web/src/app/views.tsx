// The views by name. What is big or seldom is loaded when it is first shown.

import type { ComponentType } from 'react';
import type { ImageSet, ObjectInfo } from '../engine/types';
import type { ViewName } from '../model/objectViews';
import { onDemand } from '../ui/onDemand';
import { Members } from '../views/Members';
import { TypeView } from '../views/TypeView';
import { ValueView } from '../views/ValueView';

export interface ViewProps {
  object: ObjectInfo;
  set: ImageSet | undefined;
}

export const VIEWS: Record<ViewName, ComponentType<ViewProps>> = {
  members: Members,
  value: ValueView,
  type: TypeView,
  gallery: onDemand(() => import('../gallery/Gallery').then((m) => m.Gallery)),
  statistics: onDemand(() => import('../gallery/Statistics').then((m) => m.Statistics)),
  image: onDemand(() => import('../views/Picture').then((m) => m.Picture)),
  heatmap: onDemand(() => import('../views/HeatMap').then((m) => m.HeatMap)),
  line: onDemand(() => import('../views/Line').then((m) => m.Line)),
  table: onDemand(() => import('../views/Table').then((m) => m.Table)),
  h5web: onDemand(() => import('../views/H5Web').then((m) => m.H5Web)),
};
