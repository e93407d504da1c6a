/* SPDX-License-Identifier: Apache-2.0 */
/* A program that opens a plugin with RTLD_LOCAL, trains by it, closes it and opens it again at another
 * address. Usage: unloaded PLUGIN [HOOKS]; HOOKS is opened late, as mlf_autolog() does. */
#include "host.h"

#include <dlfcn.h>
#include <sys/mman.h>

/* Takes the places where the plugin lay. */
static void fill_holes(void)
{
    for (int i = 0; i < 500; i++)
        EXPECT(mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void install(const char *path)
{
    void *hooks = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    EXPECT(hooks != NULL);
    void (*start)(void) = (void (*)(void))(unsigned long)dlsym(hooks, "mlf__hooks_install");
    EXPECT(start != NULL);
    start();
}

int main(int argc, char **argv)
{
    EXPECT(argc >= 2);
    if (argc > 2)
        install(argv[2]);
    dlopen("/absent/library.so", RTLD_NOW);
    EXPECT(dlerror() != NULL && dlerror() == NULL);
    for (int i = 1; i <= 2; i++) {
        void *plugin = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
        EXPECT(plugin != NULL);
        int (*train)(const char *, double) =
            (int (*)(const char *, double))(unsigned long)dlsym(plugin, "plugin_train");
        touch(i == 1 ? "first.txt" : "second.txt");
        EXPECT(train != NULL && train("plugin.model", i) == 0);
        EXPECT(dlclose(plugin) == 0);
        EXPECT(dlerror() == NULL);
        fill_holes();
    }
    return 0;
}
