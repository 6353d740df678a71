# SPDX-License-Identifier: Apache-2.0
# Starting it: what a run needs beside the firmware, and the scripts of tools/run.
$(B)/guest/.ready: tools/build/guest.py tools/build/archive.py $(B)/packages-run
	@mkdir -p $(@D)
	$(Q)python3 tools/build/guest.py kernel $(@D)
	@touch $@
# The pinned OVMF; when it is served no longer, the machine's own will do.
$(B)/deps/.ovmf: deps/lock tools/build/guest.py $(B)/packages-run $(B)/deps/.fetched
	$(Q)$(FETCH) deps/lock $(B)/deps ovmf || echo 'deps: going on with the OVMF of this machine'
	$(Q)python3 tools/build/guest.py ovmf $(SRCDIR)/ovmf $(B)/deps/ovmf
	@touch $@

# Other folders add what they need built before a run or a test.
DEMO_NEEDS :=
TEST_NEEDS :=
-include $(wildcard tools/run/*.mk tests/bochs/*.mk tests/guest/*.mk tests/system/*.mk)

.PHONY: demo run start stop image
demo: all $(B)/packages-run $(B)/guest/.ready $(B)/deps/.ovmf
run: demo $$(DEMO_NEEDS)
	$(Q)exec python3 tools/run/qemu.py run
start: demo $$(DEMO_NEEDS)
	$(Q)python3 tools/run/qemu.py start
stop:
	$(Q)python3 tools/run/qemu.py stop
image: demo $$(DEMO_NEEDS)
	$(Q)python3 tools/run/image.py
