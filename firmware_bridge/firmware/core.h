/* The controller's side of the protocol; portable, without dynamic memory. */
#ifndef CORE_H
#define CORE_H

void core_init(void); /* after hal_init */
void core_poll(void); /* again and again; does what is due and returns */

#endif
