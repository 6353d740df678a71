/* SPDX-License-Identifier: Apache-2.0 */
/* Every route of the API, one row each. openapi.json says the same in public; a test holds the two together. */
#include <core/arith.h>
#include "call.h"

const struct route api_routes[] = {
	{HTTP_GET, "/v1/health", RIGHT_NONE, NULL, false, api_health, "getHealth", NULL},
	{HTTP_POST, "/v1/pair", RIGHT_NONE, &schema_pair, false, api_pair, "pair", NULL},
	{HTTP_GET, "/v1/openapi.json", RIGHT_CLIENT, NULL, false, api_openapi, "getOpenapi", NULL},
	{HTTP_GET, "/v1/node", RIGHT_CLIENT, NULL, false, api_node_get, "getNode", NULL},
	{HTTP_POST, "/v1/node/reboot", RIGHT_CLIENT, &schema_empty, true, api_node_reboot, "rebootNode", NULL},
	{HTTP_POST, "/v1/node/poweroff", RIGHT_CLIENT, &schema_empty, true, api_node_poweroff, "poweroffNode", NULL},
	{HTTP_GET, "/v1/vms", RIGHT_CLIENT, NULL, false, api_vms_list, "listVms", NULL},
	{HTTP_POST, "/v1/vms", RIGHT_CLIENT, &schema_vm, false, api_vms_create, "createVm", NULL},
	{HTTP_GET, "/v1/vms/{name}", RIGHT_CLIENT, NULL, false, api_vm_get, "getVm", NULL},
	{HTTP_DELETE, "/v1/vms/{name}", RIGHT_CLIENT, NULL, false, api_vm_delete, "deleteVm", NULL},
	{HTTP_POST, "/v1/vms/{name}/start", RIGHT_CLIENT, &schema_empty, true, api_vm_start, "startVm", NULL},
	{HTTP_POST, "/v1/vms/{name}/stop", RIGHT_CLIENT, &schema_stop, true, api_vm_stop, "stopVm", NULL},
	{HTTP_POST, "/v1/vms/{name}/pause", RIGHT_CLIENT, &schema_empty, true, api_vm_pause, "pauseVm", NULL},
	{HTTP_POST, "/v1/vms/{name}/resume", RIGHT_CLIENT, &schema_empty, true, api_vm_resume, "resumeVm", NULL},
	{HTTP_POST, "/v1/vms/{name}/reset", RIGHT_CLIENT, &schema_empty, true, api_vm_reset, "resetVm", NULL},
	{HTTP_GET, "/v1/vms/{name}/console", RIGHT_CLIENT, NULL, false, api_vm_console, "openVmConsole", "mode"},
	{HTTP_GET, "/v1/vms/{name}/console/log", RIGHT_CLIENT, NULL, false, api_vm_console_log, "getVmConsoleLog", NULL},
	{HTTP_GET, "/v1/images", RIGHT_CLIENT, NULL, false, api_images_list, "listImages", NULL},
	{HTTP_GET, "/v1/images/{name}", RIGHT_CLIENT, NULL, false, api_image_get, "getImage", NULL},
	{HTTP_PUT, "/v1/images/{name}", RIGHT_CLIENT, NULL, false, api_image_put, "putImage", "sha256"},
	{HTTP_DELETE, "/v1/images/{name}", RIGHT_CLIENT, NULL, false, api_image_delete, "deleteImage", NULL},
	{HTTP_GET, "/v1/events", RIGHT_CLIENT, NULL, false, api_events, "streamEvents", "since"},
	{HTTP_GET, "/metrics", RIGHT_CLIENT, NULL, false, api_metrics, "getMetrics", NULL},
};
const unsigned api_nroutes = ARRAY_LEN(api_routes);

/* ---- request bodies ---- */

#define STRING(body, member, need, least) \
	{.name = #member, .type = FIELD_STRING, .required = need, .offset = offsetof(union api_body, body.member), \
	 .size = sizeof(((union api_body *)0)->body.member), .min = least}
#define UINT(body, member, lo, hi) \
	{.name = #member, .type = FIELD_UINT, .offset = offsetof(union api_body, body.member), .min = lo, .max = hi}

static const struct field vm_fields[] = {
	STRING(vm, name, true, 1),
	UINT(vm, vcpus, 1, VM_MAX_VCPUS),
	UINT(vm, memory_mib, VM_MEMORY_MIB_MIN, VM_MEMORY_MIB_MAX),
	STRING(vm, kernel, true, 1),
	{.name = "initrd", .type = FIELD_STRING, .nullable = true, .offset = offsetof(union api_body, vm.initrd), .size = IMAGE_NAME_MAX + 1},
	STRING(vm, cmdline, false, 0),
	{.name = "autostart", .type = FIELD_BOOL, .offset = offsetof(union api_body, vm.autostart)},
	UINT(vm, weight, 1, VM_WEIGHT_MAX),
};
const struct schema schema_vm = {"VmCreate", vm_fields, ARRAY_LEN(vm_fields)};

static const struct field stop_fields[] = {UINT(stop, timeout_ms, 0, 600000)};
const struct schema schema_stop = {"VmStop", stop_fields, ARRAY_LEN(stop_fields)};

static const struct field pair_fields[] = {STRING(pair, code, true, 1), STRING(pair, csr, true, 1), STRING(pair, name, true, 1)};
const struct schema schema_pair = {"Pair", pair_fields, ARRAY_LEN(pair_fields)};

const struct schema schema_empty = {"Empty", NULL, 0};
