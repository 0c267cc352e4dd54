/**
 * The typed surface of the native addon: what TypeScript may ask of the kernel.
 *
 * The addon makes system calls and nothing else; what they mean is decided in TypeScript. A failed system
 * call throws a {@link SystemError} with the errno's name. Every fd that comes into being here has
 * FD_CLOEXEC from birth, and belongs to an {@link Fd} that closes it. What can block runs on another
 * thread, on a reference of its own, and answers with a promise.
 */

/** An error from a system call. Test `code`: an error from the addon may be of another realm. */
export interface SystemError extends Error {
  /** The errno by name, such as `'EINVAL'`. */
  readonly code: string;
  /** The errno, positive. */
  readonly errno: number;
  /** The call that failed, such as `'ioctl(DMA_BUF_IOCTL_SYNC)'`. */
  readonly syscall: string;
}

/** A file descriptor that this process owns. Closed at {@link close}, by `using`, or when it is collected. */
export interface Fd {
  /** The descriptor's number. Throws `EBADF` once closed. */
  readonly number: number;
  readonly closed: boolean;
  /** Closes the descriptor now, or when the last system call that is under way on it has returned. */
  close(): void;
  /** Another descriptor of the same open file (`F_DUPFD_CLOEXEC`). */
  duplicate(): Fd;
  /**
   * Gives the descriptor up: the caller owns the number from now on, and this object is closed. Throws
   * `EBUSY` while a call is under way on it.
   */
  release(): number;
  [Symbol.dispose](): void;
}

/** How an allocated fd comes into being, where the kernel lets the caller choose. */
export interface FdChoice {
  /** FD_CLOEXEC; default true. Only a program that means to exec another with this fd open says false. */
  readonly cloexec?: boolean;
}

/** How a dma-heap's fd comes into being (`fd_flags` of `struct dma_heap_allocation_data`). */
export interface DmaHeapChoice extends FdChoice {
  /** O_RDWR, or O_RDONLY: then mmap refuses PROT_WRITE. Default `'read-write'`. */
  readonly access?: 'read-write' | 'read-only';
}

/** What an open file is, found out by system calls and not by its name. */
export type FdKind = 'dma-buf' | 'memfd' | 'sync-file' | 'other';

/** What the kernel says of an open file. */
export interface FdDescription {
  /** `fstatfs` type DMA_BUF_MAGIC; F_GET_SEALS works; SYNC_IOC_FILE_INFO works; none of these. */
  readonly kind: FdKind;
  /** `st_ino`; unique to each dma-buf. */
  readonly inode: number;
  /** `st_dev`. */
  readonly device: number;
  /** O_ACCMODE of the open file. */
  readonly access: 'read-only' | 'write-only' | 'read-write';
  /** F_GET_SEALS (F_SEAL_SEAL 1, SHRINK 2, GROW 4, WRITE 8, FUTURE_WRITE 16); 0 if it is no memfd. */
  readonly seals: number;
}

/**
 * The peer of a connected Unix socket, fixed when it connected (SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD). A peer with more
 * than 1024 supplementary groups is refused: its connection is closed, and asking about it throws `E2BIG`.
 */
export interface PeerCredentials {
  /** In the pid namespace of this process; 0 if the peer is not visible in it. */
  readonly pid: number;
  /** In the user namespace of this process; 65534 if unmapped. */
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, 65534 for each that is unmapped; empty where the kernel does not tell (before 4.13). */
  readonly groups: readonly number[];
  /** The inode of the peer's pidfd, which no other process has had since boot; 0 where the kernel has no pidfs (before 6.9). */
  readonly pidfsInode: number;
  /** A pidfd of the peer (SO_PEERPIDFD, Linux 6.5+, else pidfd_open); null where there are none (before 5.3). */
  readonly pidfd: Fd | null;
}

/** Memory of a dma-buf or a sealed memfd, mapped into this process. */
export interface Mapping {
  /** Bytes mapped. */
  readonly length: number;
  /** PROT_WRITE, shared with all other holders. */
  readonly writable: boolean;
  readonly mapped: boolean;
  /**
   * A view of the memory itself. It is detached (its byteLength becomes 0) by {@link detach} or
   * {@link unmap}, so that a view which is kept too long is empty and never a crash. Throws `EACCES` if the
   * mapping is not writable: JavaScript has no read-only views, and a store would be a SIGSEGV. Use
   * {@link read} there. Two views of one mapping cannot exist at once: throws `EBUSY`.
   */
  view(): ArrayBuffer;
  /** Detaches the view, if there is one, and keeps the memory mapped. */
  detach(): void;
  /** Copies bytes out: fills `target` from `offset`. Throws `ERANGE` outside of the mapping. */
  read(offset: number, target: Uint8Array): void;
  /** Copies bytes in. Throws `ERANGE` outside of the mapping, `EACCES` if it is not writable. */
  write(offset: number, source: Uint8Array): void;
  /** Detaches the view and unmaps. Does nothing the second time. */
  unmap(): void;
  [Symbol.dispose](): void;
}

/** What a {@link SeqpacketSocket} tells. Called on the event loop, never within a call to the socket. */
export interface SeqpacketHandlers {
  /**
   * A datagram and its fds, received with MSG_CMSG_CLOEXEC; the receiver owns them. The bytes are of a pool, as a small Buffer's
   * are. A truncated one (MSG_TRUNC, MSG_CTRUNC) never comes here: all its fds are closed and the socket closes with `EMSGSIZE`.
   */
  readonly onDatagram: (bytes: Uint8Array, fds: Fd[]) => void;
  /** The socket takes datagrams again after {@link SeqpacketSocket.send} answered false. */
  readonly onWritable: () => void;
  /** Closed by the peer (null) or by an error. Not called after {@link SeqpacketSocket.close}. */
  readonly onClosed: (error: SystemError | null) => void;
}

/** A connected SOCK_SEQPACKET socket of AF_UNIX, non-blocking, polled by the event loop. */
export interface SeqpacketSocket {
  /** The process that listens at the other end. */
  readonly peer: PeerCredentials;
  /** Sends one datagram. False: it would block, nothing was sent; wait for `onWritable`. */
  send(bytes: Uint8Array, fds?: readonly Fd[]): boolean;
  close(): void;
  /** Keeps the event loop alive (the default), or not. */
  ref(): void;
  unref(): void;
}

/** A listening SOCK_STREAM socket whose connections are identified before a byte is read from them. */
export interface StreamListener {
  /** Stops listening and closes the fd. Connections that were handed out stay. */
  close(): void;
}

/**
 * One connection that a {@link StreamListener} accepted; the receiver owns the fd. No fds are ever attached to its bytes, so
 * reading or closing it never blocks. Where the kernel lets clients attach them (before Linux 6.16), it is one end of
 * a socketpair: a thread copies the bytes, ends the connection of a client that attaches fds, and keeps two more fds
 * open. So ask `peer` who it is, and not the socket.
 */
export type OnConnection = (connection: Fd, peer: PeerCredentials) => void;

/** Tells once when an fd becomes readable or writable, without a thread and for any number of fds. */
export interface FdWatch {
  /** Stops watching; the callback is not called any more. */
  close(): void;
}

/** What one session may FETCH: one row of the fd plane's table. */
export interface FdPlaneLease {
  readonly bufferId: number;
  readonly fd: Fd;
  /** 0 if the kernel does not tell. */
  readonly sizeBytes: number;
  /** DMABUFD_FD_READ, DMABUFD_FD_WRITE, DMABUFD_FD_IS_DMA_BUF of dmabufd_fd.h. */
  readonly flags: number;
}

/** What the fd plane's thread has done already, and the main thread only books. */
export type FdPlaneBooking =
  /** The connection ended, or the process behind it did; its rows are gone from the table. */
  | { readonly type: 'disconnected'; readonly session: number; readonly reason: string }
  /** The client released leases; their rows are gone, and the client has its answer. */
  | { readonly type: 'released'; readonly session: number; readonly bufferIds: number[] };

/** What wants something of the main thread. */
export type FdPlaneArrival =
  /** A client connected. It is not read from until {@link FdPlane.admit}. */
  | { readonly type: 'connected'; readonly session: number; readonly peer: PeerCredentials }
  /**
   * A well-formed request; to be answered with {@link FdPlane.answer}, in any order. Its fds are of
   * dma-bufs, memfds with F_SEAL_SHRINK and sync_files: asking about them never blocks, and closing one takes no longer than
   * freeing what is behind it, which {@link NativeAddon.closeFd} does elsewhere.
   */
  | {
      readonly type: 'request';
      readonly session: number;
      readonly serial: number;
      readonly opcode: number;
      readonly payload: Uint8Array;
      readonly fds: Fd[];
    };

/** How a {@link FdPlane} is set up. */
export interface FdPlaneOptions {
  /** A listening SOCK_SEQPACKET socket. The plane takes it over: this Fd is closed when the call returns. */
  readonly listener: Fd;
  /** Somebody else has it and goes on listening; default false: nobody can connect any more when the plane is closed. */
  readonly isListenerShared?: boolean;
  /**
   * Connections at once, of those that were taken; one more gets GOODBYE with RESOURCE_EXHAUSTED when it would be. While 64
   * wait to be taken none is accepted, and further ones wait in the listener's backlog.
   */
  readonly maxSessions: number;
  /**
   * Fds sent to the sessions of one account and not received yet; an answer with fds that would exceed it is replaced by
   * RESOURCE_EXHAUSTED. A session to which none are on their way may always be sent one answer.
   */
  readonly maxFdsInFlightPerAccount: number;
  /** The id of the next who connects; default 1. Those of earlier processes of the daemon are below it. */
  readonly firstSession?: number;
  /**
   * Called on the event loop when there are bookings or arrivals; not again before {@link FdPlane.takeArrivals} has been
   * called. To be taken in a later turn of the loop, or a storm of clients leaves no turn to anybody else.
   */
  readonly onEvents: () => void;
}

/**
 * The daemon's side of fd.sock: an epoll thread that answers FETCH and RELEASE from a table of its own, so that
 * neither a gRPC call nor a garbage collection is felt there, and hands everything else to the main thread.
 */
export interface FdPlane {
  /** Accepts those who connect. Until then they wait in the listener's backlog. */
  open(): void;
  /**
   * Sends WELCOME with the token (32 bytes) and begins to read. `account` names whose resources the session uses: its fds in
   * flight count with those of all other sessions of that account. Nothing if the session has ended. The session is
   * dismissed with RESOURCE_EXHAUSTED instead if 16 ended ones of the account left fds that were not received.
   */
  admit(session: number, token: Uint8Array, account: string): void;
  /** Sends GOODBYE and closes. A `'disconnected'` event follows. Nothing if the session has ended. */
  dismiss(session: number, status: number, reason: string): void;
  /**
   * Takes over the connection of a session that an earlier process of the daemon had. It is not read from until
   * {@link readmit}; leases can be put. Takes the Fd over, also when it throws: `ESRCH`, the process behind it has gone;
   * `EEXIST`, there is such a session.
   */
  resume(session: number, socket: Fd): PeerCredentials;
  /** Says RESTARTED to a session that was resumed, and begins to read. Nothing if it has ended. */
  readmit(session: number, account: string): void;
  /** Another descriptor of a session's connection, which the caller owns; null if it has ended. */
  duplicateSocket(session: number): Fd | null;
  /** Adds or replaces a row. Nothing if the session has ended. */
  putLease(session: number, lease: FdPlaneLease): void;
  /** Removes a row; nothing if there is none. */
  dropLease(session: number, bufferId: number): void;
  /** The same, and sends REVOKED to the client. */
  revokeLease(session: number, bufferId: number): void;
  /** Answers a request. `fds` are shared, not taken. Nothing if the session has ended, or has no request to be answered. */
  answer(
    session: number,
    request: { readonly serial: number; readonly opcode: number },
    status: number,
    payload: Uint8Array,
    fds?: readonly Fd[],
  ): void;
  /** Takes all bookings, in order. Cheap when there are none. Never of a session whose arrival is yet to be taken. */
  takeBookings(): FdPlaneBooking[];
  /**
   * Takes at most so many arrivals: connections and requests in turns. Connections are in the order in which they came, and so
   * are the requests of one session; accounts, and the sessions of each, have turns. A client that left before its arrival was
   * taken never was there.
   */
  takeArrivals(most: number): FdPlaneArrival[];
  /**
   * Joins the thread, and ends all sessions with GOODBYE UNAVAILABLE. With `keepsSessions` it says nothing to them: for those
   * whose connection somebody else has open, too. What is still to be booked then is answered.
   */
  close(options?: { readonly keepsSessions?: boolean }): FdPlaneBooking[];
}

/** Who holds a record lock that could not be had. */
export type LockOutcome =
  /** The lock is held by this process until `fd` is closed. */
  | { readonly fd: Fd; readonly holderPid: null }
  /** Another process holds it; pid 0 if it is not visible from here. */
  | { readonly fd: null; readonly holderPid: number };

/** SO_TYPE and SO_ACCEPTCONN of a Unix socket. */
export interface SocketDescription {
  readonly type: 'stream' | 'seqpacket' | 'other';
  readonly isListening: boolean;
}

/** What the addon exports. */
export interface NativeAddon {
  /** Takes over a descriptor that is open already, and sets FD_CLOEXEC on it. Throws `EBADF`. */
  adoptFd(number: number): Fd;
  /**
   * Closes an Fd without making the event loop wait while the kernel frees what was behind it, which takes long for a huge
   * buffer: `closed` is true at once, and the promise resolves when close(2) has returned on another thread. If somebody
   * else still holds the descriptor (the fd plane's table, a call under way), it is closed by whoever lets go last, and the
   * promise does not wait for that.
   */
  closeFd(fd: Fd): Promise<void>;
  /**
   * A buffer from a node in /dev/dma_heap (DMA_HEAP_IOCTL_ALLOC). `EINVAL` for 0 bytes. Zeroed by the system
   * heap. Off the event loop: zeroing takes long.
   */
  allocateFromDmaHeap(path: string, sizeBytes: number, choice?: DmaHeapChoice): Promise<Fd>;
  /** A dma-buf of the pages of a new sealed memfd (UDMABUF_CREATE). `EINVAL` unless page-aligned. */
  createUdmabuf(sizeBytes: number, choice?: FdChoice): Promise<Fd>;
  /** A memfd with F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL set. The name is cut to the kernel's 249 bytes. */
  createMemfd(name: string, sizeBytes: number, choice?: FdChoice): Promise<Fd>;
  /**
   * Another open file of a memfd (open of /proc/self/fd/N). `EACCES` if the memfd's mode does not allow it, which root need not
   * care about. `EAGAIN`, and never a wait, if somebody has a lease on it (F_SETLEASE).
   */
  reopen(memfd: Fd, access: 'read-only' | 'read-write'): Fd;
  /**
   * Whether another open file of the memfd exists anywhere: open in some process, mapped, or on its way through a socket. A
   * duplicate is no other open file. Only for memfds of {@link createMemfd}: the file that memfd_create(2) returns to others
   * is not counted by the kernel. Nor is a descriptor that was opened with O_PATH, which keeps the memory too. `EACCES` if
   * the memfd is another user's.
   */
  isHeldElsewhere(memfd: Fd): boolean;
  /**
   * The size by lseek to (0, SEEK_END), then (0, SEEK_SET). Throws `ESPIPE` if the fd's kernel does not support size
   * discovery (dma-buf.rst).
   */
  sizeByLseek(fd: Fd): number;
  /** `st_size`. Of a memfd: asking never waits, as lseek does for whoever reads the same open file. */
  sizeByStat(fd: Fd): number;
  /** lseek(2) as it is: what the kernel answers, for conformance tests. whence: SET 0, CUR 1, END 2. */
  lseek(fd: Fd, offset: number, whence: number): number;
  /**
   * DMA_BUF_IOCTL_SYNC, EINTR and EAGAIN retried. START waits for fences without a deadline, and occupies a thread of libuv's
   * pool for as long: {@link beginSync} does not.
   */
  syncDmaBuf(fd: Fd, flags: number): Promise<void>;
  /**
   * SYNC START in a direction ({@link DmaBufSync} READ, WRITE or RW). False if there are fences in its way, also some that have
   * come since it was polled for: nothing has begun then, and the thread was occupied for 10 ms or so at most. An END is
   * owed for true.
   */
  beginSync(fd: Fd, direction: number): Promise<boolean>;
  /** DMA_BUF_IOCTL_EXPORT_SYNC_FILE: a snapshot of the fences as a sync_file. `ENOTTY` before Linux 6.0. */
  exportSyncFile(fd: Fd, flags: number): Fd;
  /** DMA_BUF_IOCTL_IMPORT_SYNC_FILE. */
  importSyncFile(fd: Fd, flags: number, syncFile: Fd): void;
  /** DMA_BUF_SET_NAME. `EINVAL` over 31 bytes. */
  setDmaBufName(fd: Fd, name: string): void;
  /** What the open file is. Never blocks. */
  describeFd(fd: Fd): FdDescription;
  /** poll(2) with timeout 0: which of the events are there now. POLLHUP and POLLERR are told unasked. */
  pollNow(fd: Fd, events: number): number;
  /** Calls back once when the fd is readable (dma-buf: no write outstanding) or writable (no fence at all). */
  watchFd(fd: Fd, direction: 'readable' | 'writable', onReady: () => void): FdWatch;
  /**
   * Maps a dma-buf or a memfd that is sealed against shrinking (anything else could be cut under the reader and is
   * refused with `EPERM`). Asking for `'read-only'` maps PROT_READ.
   */
  map(fd: Fd, length: number, access: 'read-only' | 'read-write'): Mapping;
  /** Binds and listens. Permission bits are set before the socket can be connected to. `EADDRINUSE` if the path exists. */
  listenUnix(type: 'stream' | 'seqpacket', path: string, mode: number): Fd;
  /**
   * Accepts on the event loop. Takes the listener over: the Fd given is closed when the call returns. With `isShared` somebody
   * else has it, too, and goes on listening when it is closed here.
   */
  acceptStreams(
    listener: Fd,
    onConnection: OnConnection,
    options?: { readonly isShared?: boolean },
  ): StreamListener;
  /** Connects to a SOCK_SEQPACKET socket. Throws `ENOENT`, `ECONNREFUSED`, `EACCES`, `EAGAIN`. */
  connectSeqpacket(path: string, handlers: SeqpacketHandlers): SeqpacketSocket;
  /** The peer of any connected Unix socket. `ESRCH` if it has ended, `E2BIG` if it has too many groups. */
  peerOf(socket: Fd): PeerCredentials;
  /** pidfd_open(2). `ESRCH` if there is no such process. */
  openPidfd(pid: number): Fd;
  /** A write lock on a whole file (fcntl F_SETLK), created with mode 0600 if it is missing. Ends with the process. */
  lockFile(path: string): LockOutcome;
  /**
   * sd_notify(3): a datagram to the address in $NOTIFY_SOCKET, with fds for the fd store. Resolves when the service manager's
   * queue has it, which a later death of this process does not undo. `ETIMEDOUT` after 5 s without room in it.
   */
  sendNotification(address: string, text: string, fds: readonly Fd[]): Promise<void>;
  /** What a Unix socket is that somebody else made. `ENOTSOCK`, `EAFNOSUPPORT`. */
  socketType(socket: Fd): SocketDescription;
  /**
   * Has glibc give the pages that lie free in its heap back to the kernel, on another thread (malloc_trim(3)). Whether there were
   * any. False with another C library.
   */
  trimMalloc(): Promise<boolean>;
  /** Starts the daemon's fd plane. */
  startFdPlane(options: FdPlaneOptions): FdPlane;
}

/** DMA_BUF_SYNC_* of linux/dma-buf.h. */
export const DmaBufSync = { READ: 1, WRITE: 2, RW: 3, START: 0, END: 4 } as const;
/** POLL* of poll.h. */
export const Poll = { IN: 1, OUT: 4, HUP: 0x10 } as const;

const addon: NativeAddon = require('#addon');

/** The addon itself, for whoever passes it on as a port. */
export default addon;
