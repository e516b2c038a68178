/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Numbers of the kernel that are macros there, so that BTF does not tell them. */
#ifndef SOCKDOG_KERNEL_BPF_H
#define SOCKDOG_KERNEL_BPF_H

/* include/linux/socket.h */
#define AF_INET_ 2
#define AF_INET6_ 10

/* include/linux/sched.h */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

#endif
