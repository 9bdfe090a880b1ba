// What H5Web is told of the file: the object that is shown and what it leads to. Groups above it are given without
// members, for H5Web's own tree, which is hidden, would ask for all of them.

import { EntityKind, type ProvidedEntity } from '@h5web/app';
import type { Engine } from '../engine/types';
import { EngineApi } from '../provider';

/** H5Web draws every member of a group; more than these no plot is made of. */
const MEMBERS = 1000;

export class PlotApi extends EngineApi {
  constructor(
    engine: Engine,
    name: string,
    private readonly shown: string,
  ) {
    super(engine, name);
  }

  override async getEntity(path: string): Promise<ProvidedEntity> {
    const isAbove = path !== this.shown && this.shown.startsWith(path === '/' ? '/' : `${path}/`);
    if (isAbove) return { name: path.split('/').pop() || '/', path, kind: EntityKind.Group, attributes: [], children: [] } as ProvidedEntity;
    const entity = await super.getEntity(path);
    return 'children' in entity && entity.children.length > MEMBERS ? { ...entity, children: [] } : entity;
  }
}
