# SPDX-License-Identifier: Apache-2.0
# Starting it: what a run needs beside the firmware, and the scripts of tools/run. For x86_64 the guest's files lie in $(B)/guest itself.
GUEST := $(B)/guest$(if $(filter-out x86_64,$(ARCH)),/$(ARCH))
$(GUEST)/.ready: tools/build/guest.py tools/build/archive.py $(B)/packages-run
	@mkdir -p $(@D)
	$(Q)python3 tools/build/guest.py files $(ARCH) $(@D)
	@touch $@
# The machine's own firmware, pinned; when it is served no longer, what is installed here will do.
UEFI_x86_64 := ovmf
UEFI_aarch64 := aavmf
UEFI := $(B)/deps/.$(UEFI_$(ARCH))
$(UEFI): $(B)/deps/.%: deps/lock tools/build/guest.py $(B)/packages-run $(B)/deps/.fetched
	$(Q)$(FETCH) deps/lock $(B)/deps $* || echo 'deps: going on with the UEFI firmware of this machine'
	$(Q)python3 tools/build/guest.py uefi $(ARCH) $(SRCDIR)/$* $(B)/deps/$*
	@touch $@

# Other folders add what they need built before a run or a test.
DEMO_NEEDS :=
TEST_NEEDS :=
-include $(wildcard tools/run/*.mk tests/bochs/*.mk tests/guest/*.mk tests/system/*.mk tests/bench/*.mk)

export ARCH
.PHONY: demo run start stop image
demo: $(O)/caisson.efi $(B)/caisson $(B)/packages-run $(GUEST)/.ready $(UEFI)
run: demo $$(DEMO_NEEDS)
	$(Q)exec python3 tools/run/qemu.py run
start: demo $$(DEMO_NEEDS)
	$(Q)python3 tools/run/qemu.py start
stop:
	$(Q)python3 tools/run/qemu.py stop
image: demo $$(DEMO_NEEDS)
	$(Q)python3 tools/run/image.py
# All that a run and the tests of this architecture boot, without booting it.
testable: demo $$(DEMO_NEEDS) $$(TEST_NEEDS)
