// The states that are not data: waiting, nothing there, refused, failed. All of one look and of the height of what they stand for.

import { Component, type ReactNode } from 'react';
import { messageOf } from '../app/text';
import type { ErrorKind } from '../engine/types';
import { Icon, type IconName } from './icons';

export function Waiting({ text = 'Reading…' }: { text?: string }) {
  return (
    <div className="notice waiting" role="status">
      <span className="spinner" />
      <p>{text}</p>
    </div>
  );
}

export function Notice({ icon = 'info', title, children }: { icon?: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="notice">
      <Icon name={icon} size={26} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

const TITLES: Partial<Record<ErrorKind, string>> = {
  damaged: 'This part of the file is damaged',
  unsupported: 'This is valid, but not supported yet',
  limit: 'Too much to show at once',
  'not-found': 'This is not there',
  network: 'The bytes did not arrive',
  changed: 'The file was changed',
  denied: 'This was not allowed',
  crashed: 'The engine failed on this, and was started anew',
};

export function Failure({ error, children }: { error: unknown; children?: ReactNode }) {
  const kind = (error as { kind?: ErrorKind } | undefined)?.kind;
  return (
    <div className="notice failed" role="alert" data-error-kind={kind}>
      <Icon name={kind === 'limit' || kind === 'unsupported' ? 'info' : 'broken'} size={26} />
      <h2>{(kind && TITLES[kind]) ?? 'That did not work'}</h2>
      <p className="reason">{messageOf(error)}</p>
      {children}
    </div>
  );
}

/** Keeps a failure of one view inside that view. */
export class Fence extends Component<{ children: ReactNode; resetKey: string }, { error?: unknown; key: string }> {
  override state: { error?: unknown; key: string } = { key: this.props.resetKey };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: { resetKey: string }, state: { error?: unknown; key: string }) {
    return props.resetKey === state.key ? null : { error: undefined, key: props.resetKey };
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : <Failure error={this.state.error} />;
  }
}
