# SPDX-License-Identifier: Apache-2.0
# Sources that are made: the font and the embedded files. The same for every architecture and for the unit tests.
GEN := $(B)/gen
GEN_SRC := $(GEN)/font.c $(GEN)/embed.c

$(GEN)/font.c: tools/build/font.py $(B)/deps/.fetched
	@mkdir -p $(@D)
	$(Q)python3 tools/build/font.py $(SRCDIR)/spleen/spleen-8x16.bdf $@

# Any folder may have an embed.lst; the files that they name are dependencies too.
EMBED_LISTS := $(sort $(shell find $(wildcard core net vmm sandbox efi) -name embed.lst))
EMBED_FILES := $(if $(EMBED_LISTS),$(shell sed 's/\#.*//' $(EMBED_LISTS) | awk 'NF{print $$2}'))
$(GEN)/embed.c $(GEN)/embed.h &: tools/build/embed.py $(EMBED_LISTS) $(EMBED_FILES) | $(B)/packages-build
	@mkdir -p $(@D)
	$(Q)python3 tools/build/embed.py $(GEN)/embed.c $(GEN)/embed.h $(EMBED_LISTS)
