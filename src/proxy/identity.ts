// Becoming another user, for good: a proxy that started as root, to bind a port below 1024 or to
// read a key, goes on with no more rights than it needs.
import { LaunchError } from '../errors.js';
import { type Account, loadAddon } from '../native.js';

/** Names or numbers. A name that is all digits is tried as a name first, as chown(1) does. */
export interface Identity {
  user: string;
  /** Absent: the user's primary group. */
  group?: string;
}

// Node's types leave out one, and allow for systems that have none.
type Call = 'geteuid' | 'getuid' | 'getegid' | 'getgid' | 'setgroups' | 'setgid' | 'setuid';
type Posix = Required<Pick<NodeJS.Process, Call>> & {
  initgroups(user: string, group: number): void;
};
const self = process as NodeJS.Process & Posix;

/**
 * Gives up root's rights in all threads of this process: supplementary groups, group, user. To be
 * called when everything that needs these rights is open. Throws a LaunchError when this process is
 * not root's, or there is no such user or group, or the rights turn out not to be gone.
 */
export function dropPrivileges({ user, group }: Identity): void {
  if (self.geteuid() !== 0) {
    throw new LaunchError(
      'NOT_ROOT',
      `only root can become the user ${user}`,
      'start wsproxy as root, or as that user and without --user',
    );
  }
  const { name, uid, gid } = identityOf(user, group);
  if (uid === 0) {
    throw new LaunchError('STILL_ROOT', `the user ${user} is root, who keeps every right`);
  }
  const kept = `the rights of root could not be given up for ${user}`;
  try {
    // In this order: each step needs rights that the next one takes away.
    if (name === undefined) self.setgroups([gid]);
    else self.initgroups(name, gid);
    self.setgid(gid);
    self.setuid(uid);
  } catch (cause) {
    const hint = 'a container may have taken CAP_SETUID and CAP_SETGID away';
    throw new LaunchError('STILL_ROOT', kept, hint, undefined, { cause });
  }
  if (!isExactly(uid, gid) || canReturn()) throw new LaunchError('STILL_ROOT', kept);
}

function identityOf(user: string, group: string | undefined): Partial<Account> & Identifiers {
  const { getpw } = loadAddon();
  const number = numberOf(user);
  const account = getpw(user) ?? (number === undefined ? undefined : getpw(number));
  if (account === undefined && number === undefined) {
    throw new LaunchError('NO_SUCH_USER', `there is no user ${user}`);
  }
  const gid = group === undefined ? account?.gid : groupId(group);
  const uid = account?.uid ?? number;
  if (uid === undefined || gid === undefined) {
    throw new LaunchError(
      'NO_GROUP',
      `the user ${user} is not in the password database, so its group is not known`,
      'name one with --group',
    );
  }
  return { ...account, uid, gid };
}

interface Identifiers {
  uid: number;
  gid: number;
}

function groupId(group: string): number {
  const gid = loadAddon().getgrnam(group) ?? numberOf(group);
  if (gid === undefined) throw new LaunchError('NO_SUCH_GROUP', `there is no group ${group}`);
  return gid;
}

// The largest number means "leave as it is" to the kernel.
function numberOf(text: string): number | undefined {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return number < 0xffffffff ? number : undefined;
}

function isExactly(uid: number, gid: number): boolean {
  const users = [self.getuid(), self.geteuid()];
  const groups = [self.getgid(), self.getegid()];
  return users.every((id) => id === uid) && groups.every((id) => id === gid);
}

function canReturn(): boolean {
  try {
    self.setuid(0);
    return true;
  } catch {
    return false;
  }
}
