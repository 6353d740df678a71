/* SPDX-License-Identifier: Apache-2.0 */
/* /init of the Linux guest whose launch is measured: says that it runs, by a mark and by a line on the console, and sleeps. A static Linux
 * program, the same on both sides. */
#include <unistd.h>
#include "mark.h"

int main(void)
{
	static const char text[] = "bench: init\n";

	MARK(MARK_INIT);
	if (write(1, text, sizeof text - 1) < 0)
		return 1;
	for (;;)
		pause();
}
