/**
 * The system calls that a container may make: those of the default profile of containerd and Docker (moby's
 * profiles/seccomp/default.json is the source of the choice). For one architecture alone, since three cost 20 ms more
 * at every start.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ContainerSecurity, CriError } from "../runtime.ts";

const allowed =
  "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime " +
  "clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep " +
  "clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 " +
  "epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit " +
  "exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 " +
  "fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat " +
  "fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait " +
  "futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid " +
  "getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom " +
  "getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt " +
  "get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 " +
  "inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set " +
  "io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 " +
  "lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat " +
  "lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock " +
  "mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 " +
  "mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap " +
  "name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 " +
  "pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease " +
  "pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg " +
  "recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir " +
  "rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait " +
  "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max " +
  "sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity " +
  "sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop " +
  "semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid " +
  "setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid " +
  "setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid " +
  "setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn " +
  "socket socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync " +
  "sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime " +
  "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime " +
  "timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat " +
  "utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev process_vm_readv process_vm_writev ptrace";

/** Allowed with a capability only, as the capability alone would not stop everything they do. */
const withCapability: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN:
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount " +
    "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module init_module finit_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

const EPERM = 1;
const ENOSYS = 38;
/** All CLONE_NEW* flags: making namespaces needs CAP_SYS_ADMIN. */
const namespaceFlags = 0x7e020000;
const AF_VSOCK = 40;

const architectures: Readonly<Record<string, string>> = {
  x64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  riscv64: "SCMP_ARCH_RISCV64",
  ppc64: "SCMP_ARCH_PPC64LE",
  s390x: "SCMP_ARCH_S390X",
};

const machineCalls: Readonly<Record<string, string>> = {
  x64: "arch_prctl modify_ldt",
  s390x: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
  ppc64: "sync_file_range2 swapcontext",
  arm64: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  riscv64: "riscv_flush_icache riscv_hwprobe",
};

type Rule = Readonly<Record<string, unknown>>;

/** The profile in the form of the OCI runtime specification. */
export function defaultSeccompProfile(
  capabilities: readonly string[],
  arch: string = process.arch,
): Readonly<Record<string, unknown>> {
  const names = new Set([...allowed.split(" "), ...(machineCalls[arch]?.split(" ") ?? [])]);
  for (const [capability, calls] of Object.entries(withCapability)) {
    if (capabilities.includes(capability)) for (const call of calls.split(" ")) names.add(call);
  }
  // AF_VSOCK reaches the hypervisor, which no pod has business with.
  names.delete("socket");
  const rules: Rule[] = [
    { names: [...names].toSorted(), action: "SCMP_ACT_ALLOW" },
    allowWhen("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_NE" }),
    ...[0x0, 0x8, 0x20000, 0x20008, 0xffffffff].map((value) =>
      allowWhen("personality", { index: 0, value, op: "SCMP_CMP_EQ" }),
    ),
  ];
  if (!capabilities.includes("CAP_SYS_ADMIN")) {
    rules.push(
      allowWhen("clone", { index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
      // Its flags lie in memory, out of a filter's sight: libraries fall back to clone when it is not there.
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    );
  }
  const architecture = architectures[arch];
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    ...(architecture !== undefined && { architectures: [architecture] }),
    syscalls: rules,
  };
}

function allowWhen(name: string, argument: Rule): Rule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [argument] };
}

/** The profile that a container asks for; undefined when unconfined. Local profiles lie below `directory`. */
export function seccompProfile(
  security: ContainerSecurity,
  capabilities: readonly string[],
  directory: string,
): unknown {
  if (security.privileged || security.seccomp === "unconfined") return undefined;
  if (security.seccomp === "runtimeDefault") return defaultSeccompProfile(capabilities);
  const { localhostProfile } = security.seccomp;
  // The kubelet hands on either the name in the pod's spec or an absolute path.
  const path = localhostProfile.startsWith("/") ? localhostProfile : join(directory, localhostProfile);
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CriError("invalidArgument", `cannot load seccomp profile "${localhostProfile}"`, {
      cause: error,
    });
  }
}
