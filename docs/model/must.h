/* A property is true until a state breaks it. Then the search ends and names it. With ONE_PROPERTY, all but one are
   ignored: each ignored_NAME is 1. */
#define property(name) bool name = true;
#ifdef ONE_PROPERTY
#define must(name, condition) name = (condition) || ignored_##name; assert(name)
#else
#define must(name, condition) name = (condition); assert(name)
#endif
