/*
 * What a random client asks of containers.
 * Touches the world. One thread.
 */
#ifndef BOX_DRAW_H
#define BOX_DRAW_H

#include "box_world.h"

/* A value; mostly what is there already is referred to. */
const box_value *box_draw_value(unsigned depth);

/* A method and its arguments, mostly such that it works. False: nothing came to mind. */
bool box_draw_call(box_call *call, box_object *object);

/* How many arguments a method takes at least and at most. */
void box_method_arguments(const box_object *object, unsigned method, uint32_t *least, uint32_t *most);

/* Whether a method stores anything, for which there may be no memory. */
bool box_method_stores(unsigned method);

#endif
