/* See print.h: columns as wide as their widest cell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "print.h"

enum { COLUMNS_MOST = 12, CELL_MOST = 512 };

struct cell {
	char *text;
	enum mr_colour colour;
	int width;
};

struct mr_columns {
	const char *const *headings;
	size_t columns;
	int width[COLUMNS_MOST];
	struct cell *cells;
	size_t count, room;
};

/* Places that text takes in a terminal. */
static int width_of(const char *text)
{
	wchar_t wide[CELL_MOST];
	size_t n = mbstowcs(wide, text, CELL_MOST);
	int width = n < CELL_MOST ? wcswidth(wide, n) : -1;

	return width >= 0 ? width : (int)strlen(text);
}

struct mr_columns *mr_columns_new(const char *const *headings)
{
	struct mr_columns *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->headings = headings;
	while (table->columns < COLUMNS_MOST && headings[table->columns] != NULL) {
		table->width[table->columns] = width_of(headings[table->columns]);
		table->columns++;
	}
	return table;
}

void mr_columns_cell(struct mr_columns *table, const char *text, enum mr_colour colour)
{
	char room[CELL_MOST];
	struct cell *cell;
	size_t column = table->count % table->columns;

	if (table->count == table->room) {
		size_t more = table->room == 0 ? 64 : table->room * 2;
		struct cell *grown = realloc(table->cells, more * sizeof(*grown));

		if (grown == NULL)
			return;
		table->cells = grown;
		table->room = more;
	}
	cell = &table->cells[table->count++];
	*cell = (struct cell){ .text = strdup(mr_safe(text, room, sizeof(room))), .colour = colour };
	cell->width = cell->text != NULL ? width_of(cell->text) : 0;
	if (cell->width > table->width[column])
		table->width[column] = cell->width;
}

static void pad(int n)
{
	while (n-- > 0)
		putchar(' ');
}

void mr_columns_print(const struct mr_columns *table)
{
	printf("%s", mr_colour(MR_BOLD));
	for (size_t i = 0; i < table->columns; i++) {
		fputs(table->headings[i], stdout);
		if (i + 1 < table->columns)
			pad(table->width[i] - width_of(table->headings[i]) + 2);
	}
	printf("%s\n", mr_colour_end());
	for (size_t i = 0; i < table->count; i++) {
		const struct cell *cell = &table->cells[i];
		bool last = (i + 1) % table->columns == 0;

		printf("%s%s%s", mr_colour(cell->colour), cell->text != NULL ? cell->text : "", mr_colour_end());
		if (last)
			putchar('\n');
		else
			pad(table->width[i % table->columns] - cell->width + 2);
	}
}

void mr_columns_free(struct mr_columns **table)
{
	if (*table == NULL)
		return;
	for (size_t i = 0; i < (*table)->count; i++)
		free((*table)->cells[i].text);
	free((*table)->cells);
	free(*table);
	*table = NULL;
}
