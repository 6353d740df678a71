#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# /init of the demo guest: mounts what a shell needs, shuts down on the power button, and gives a shell on the console.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in /modules/*.ko; do insmod "$m" 2>/dev/null; done
hostname demo

# A key event of the power button is 24 bytes; whatever comes, it is the button: nothing else is plugged in.
power_button() {
	for input in /sys/class/input/event*; do
		[ "$(cat "$input/device/name")" = "Power Button" ] && dd if="/dev/input/${input##*/}" of=/dev/null bs=24 count=1 2>/dev/null && poweroff -f
	done
}
power_button &

echo
echo "demo: Linux $(uname -r), $(grep -c ^processor /proc/cpuinfo) CPU, $(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024)) MiB: shell ready"
export PS1='demo# '
exec setsid cttyhack sh
