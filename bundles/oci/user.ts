/** The user that an image names, by the files of the image itself. Pure. */

import { quote } from '../../runtime/text.ts';
import type { User } from '../../spec/config.ts';
import { ArchiveError } from '../error.ts';
import { MAX_ID } from '../limits.ts';

/** NGROUPS_MAX */
const MAX_GROUPS = 65_536;

/** The content of an image's `/etc/passwd` and `/etc/group`; empty where there is none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/** A decimal number that is an id; undefined for a name. @throws {ArchiveError} */
function idOf(text: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const id = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (id <= MAX_ID) return id;
  throw new ArchiveError(`its user has the id ${quote(text)}, which is not a number from 0 to ${MAX_ID}`);
}

/** Lines of a file of accounts, in fields; those that are no accounts are left out. */
function* rows(text: string, fields: number): Generator<string[]> {
  for (const line of text.split('\n')) {
    const row = line.trimEnd().split(':');
    if (row.length >= fields && row[0] !== '' && !line.startsWith('#')) yield row;
  }
}

function accountId(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function findAccount(passwd: string, fits: (name: string, uid: number) => boolean): Account | undefined {
  for (const [name = '', , uidText, gidText] of rows(passwd, 4)) {
    const uid = accountId(uidText);
    const gid = accountId(gidText);
    if (uid !== undefined && gid !== undefined && fits(name, uid)) return { name, uid, gid };
  }
  return undefined;
}

/** The groups that list a user as a member. */
function groupsOf(group: string, user: string): number[] {
  const gids: number[] = [];
  for (const [, , gidText, members = ''] of rows(group, 3)) {
    const gid = accountId(gidText);
    if (gid !== undefined && members.split(',').includes(user) && gids.length < MAX_GROUPS) gids.push(gid);
  }
  return gids;
}

function groupId(group: string, wanted: string): number {
  const id = idOf(wanted);
  if (id !== undefined) return id;
  for (const [name, , gidText] of rows(group, 3)) {
    const gid = accountId(gidText);
    if (name === wanted && gid !== undefined) return gid;
  }
  throw new ArchiveError(`its group ${quote(wanted)} is not in its /etc/group`);
}

/**
 * `config.User` as ids: `user`, `uid`, `user:group`, `uid:gid`, `uid:group` or `user:gid`. What is a number is never looked up as a name.
 *
 * @throws {ArchiveError} There is no such user or group.
 */
export function resolveUser(text: string, { passwd, group }: Accounts): User {
  if (text === '') return { uid: 0, gid: 0 };
  const colon = text.indexOf(':');
  const userText = colon < 0 ? text : text.slice(0, colon);
  const groupText = colon < 0 ? undefined : text.slice(colon + 1);
  if (userText === '' || groupText === '') throw new ArchiveError(`its user ${quote(text)} is incomplete`);
  const number = idOf(userText);
  const account = findAccount(passwd, (name, uid) => (number === undefined ? name === userText : uid === number));
  const uid = number ?? account?.uid;
  if (uid === undefined) throw new ArchiveError(`its user ${quote(userText)} is not in its /etc/passwd`);
  if (groupText !== undefined) return { uid, gid: groupId(group, groupText) };
  const gid = account?.gid ?? 0;
  // A number asks for no more than itself.
  const others = number === undefined && account ? groupsOf(group, account.name).filter((other) => other !== gid) : [];
  return { uid, gid, ...(others.length > 0 ? { additionalGids: [...new Set(others)] } : {}) };
}
