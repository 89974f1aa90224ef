/** Where a trail lives. What connects may hold a password; what is shown never does. */
export interface Address {
  readonly engine: 'sqlite' | 'postgres';
  /** For the engine alone. */
  readonly connects: string;
  /** For people, hints, entries and pages. */
  readonly shown: string;
}

/** The address that a text names: a URL of PostgreSQL, else a SQLite file. */
export function addressOf(text: string): Address {
  if (!/^postgres(?:ql)?:\/\//i.test(text)) return { engine: 'sqlite', connects: text, shown: text };
  return { engine: 'postgres', connects: text, shown: withoutPassword(text) };
}

/** Also of a text that is no URL that could be read: what may be a password is left out whatever else is wrong. */
function withoutPassword(url: string): string {
  // A password may hold any sign but the blank: what stands before the last @ of the server's part is who connects.
  const [, scheme = '', server = '', rest = ''] = /^([^:]*:\/\/)([^/?#]*(?:[^@]*@)?[^/?#]*)(.*)$/s.exec(url) ?? [];
  const who = /^([^:@]*):.*@/s.exec(server);
  const shown = who === null ? server : `${who[1] ?? ''}${server.slice(server.lastIndexOf('@'))}`;
  // What is left can be pasted: whoever runs it is asked for what is not there.
  const plain = rest.replace(/\?([^#]*)/, (_, query: string) => {
    const others = query.split('&').filter((one) => !/^(?:ssl)?passw(?:or)?d=/i.test(one));
    return others.length === 0 ? '' : `?${others.join('&')}`;
  });
  return scheme + shown + plain.replaceAll(/(%26|%3f|[?&])((?:ssl)?passw(?:or)?d)=[^&#]*/gi, '$1$2=…');
}
