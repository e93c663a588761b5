/* The grid of router maps: steps, blocks to choose, one large, painting. */
#include "map_grid.h"
#include "screen.h"

#define N_LAYERS 16

static const char *const names[N_LAYERS] = {
  "down_blocks.0.attentions.0.transformer_blocks.0", "down_blocks.0.attentions.1.transformer_blocks.0",
  "down_blocks.1.attentions.0.transformer_blocks.0", "down_blocks.1.attentions.1.transformer_blocks.0",
  "down_blocks.2.attentions.0.transformer_blocks.0", "down_blocks.2.attentions.1.transformer_blocks.0",
  "mid_block.attentions.0.transformer_blocks.0",
  "up_blocks.1.attentions.0.transformer_blocks.0", "up_blocks.1.attentions.1.transformer_blocks.0",
  "up_blocks.1.attentions.2.transformer_blocks.0", "up_blocks.2.attentions.0.transformer_blocks.0",
  "up_blocks.2.attentions.1.transformer_blocks.0", "up_blocks.2.attentions.2.transformer_blocks.0",
  "up_blocks.3.attentions.0.transformer_blocks.0", "up_blocks.3.attentions.1.transformer_blocks.0",
  "up_blocks.3.attentions.2.transformer_blocks.0",
};

typedef struct {
  MapGrid *grid;
  GtkWidget *window;
  int changed;
} Fixture;

static void
on_changed (gpointer data)
{
  ((Fixture *) data)->changed++;
}

/* Maps of one step; layer i is value + i / 100 in its left half, 1 (all prior) in the right. */
static void
add_step (Fixture *f, int step, float value)
{
  MoaImage *layers[N_LAYERS];
  MoaRouterMaps maps = { .step = step, .timestep = step < 0 ? -1 : 1000 - step, .layers = layers,
                         .n_layers = N_LAYERS, .width_share = 1, .height_share = 1 };

  for (int i = 0; i < N_LAYERS; i++)
    {
      int side = i < 2 ? 16 : i < 6 ? 8 : 4;

      layers[i] = screen_mask (side, side, 1);
      for (int p = 0; p < side * side; p++)
        if (p % side < side / 2)
          layers[i]->data[p] = value + i / 100.0f;
    }
  map_grid_add (f->grid, &maps, 10);
  for (int i = 0; i < N_LAYERS; i++)
    moa_image_free (layers[i]);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  MoaImage *picture = screen_plain (64, 64, 0.2, 0.3, 0.6);

  f->grid = map_grid_new (on_changed, f);
  f->window = screen_show (map_grid_get_widget (f->grid), 460, 560);
  map_grid_set_layers (f->grid, names, N_LAYERS);
  map_grid_set_picture (f->grid, picture);
  moa_image_free (picture);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_widget_destroy (f->window);
  map_grid_free (f->grid);
}

static void
test_steps (Fixture *f, gconstpointer data)
{
  screen_save (f->window, "maps-empty");
  screen_check_access (f->window);
  g_assert_null (map_grid_get_map (f->grid, 0));
  for (int i = 0; i < 10; i++)
    {
      add_step (f, i, 0.8f - i * 0.08f);
      screen_settle ();
      /* The slider follows. */
      g_assert_cmpfloat_with_epsilon (map_grid_get_map (f->grid, 3)->data[0],
                                      0.8f - i * 0.08f + 0.03f, 1e-6);
    }
  screen_save (f->window, "maps");
  screen_check_access (f->window);
  g_assert_cmpint (map_grid_get_n_steps (f->grid), ==, 10);

  /* Who looks at an earlier step is left there. */
  GtkWidget *slider = screen_find (f->window, GTK_TYPE_HSCALE, "Step");

  gtk_range_set_value (GTK_RANGE (slider), 2);
  g_assert_cmpfloat_with_epsilon (map_grid_get_map (f->grid, 0)->data[0], 0.8f - 0.16f, 1e-6);
  add_step (f, -1, 0.5);
  g_assert_cmpfloat_with_epsilon (map_grid_get_map (f->grid, 0)->data[0], 0.8f - 0.16f, 1e-6);
  map_grid_show_step (f->grid, 10);
  g_assert_cmpfloat (map_grid_get_map (f->grid, 0)->data[0], ==, 0.5);

  map_grid_clear (f->grid);
  g_assert_null (map_grid_get_map (f->grid, 0));
}

static void
test_blocks (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (map_grid_get_chosen (f->grid), ==, 0xffff);
  add_step (f, 0, 0);
  GtkWidget *check = screen_find (f->window, GTK_TYPE_CHECK_BUTTON, "Down 2.1");

  gtk_button_clicked (GTK_BUTTON (check));
  g_assert_cmphex (map_grid_get_chosen (f->grid), ==, 0xfffb);
  g_assert_cmpint (f->changed, ==, 1);
  gtk_button_clicked (GTK_BUTTON (screen_find (f->window, GTK_TYPE_BUTTON, "All blocks")));
  g_assert_cmphex (map_grid_get_chosen (f->grid), ==, 0xffff);
  map_grid_set_chosen (f->grid, 0x11);
  g_assert_cmphex (map_grid_get_chosen (f->grid), ==, 0x11);
}

static void
test_cells (Fixture *f, gconstpointer data)
{
  add_step (f, 0, 0);
  GtkWidget *button = screen_find (f->window, GTK_TYPE_CHECK_BUTTON, "Down 1.1");
  GtkWidget *cell = screen_find (gtk_widget_get_parent (button), GTK_TYPE_DRAWING_AREA, NULL);
  GtkAllocation size;

  /* Left the person's colour, right the picture's. */
  screen_settle ();
  gtk_widget_get_allocation (cell, &size);
  g_assert_cmphex (screen_get_pixel (cell, size.width / 4, size.height / 2) >> 16, >, 0xd0);
  g_assert_cmphex (screen_get_pixel (cell, size.width * 3 / 4, size.height / 2), ==, 0x334d99);
}

static void
test_large (Fixture *f, gconstpointer data)
{
  add_step (f, 0, 0);
  g_assert_null (map_grid_get_factor (f->grid));
  map_grid_enlarge (f->grid, 4);
  screen_settle ();
  GtkWidget *large = screen_find (f->window, GTK_TYPE_DRAWING_AREA, "Router map");
  GtkAllocation size;

  gtk_widget_get_allocation (large, &size);
  g_assert_true (gtk_widget_get_mapped (large));
  screen_check_access (f->window);
  g_assert_cmphex (screen_get_pixel (large, size.width / 2 - 40, size.height / 2) >> 16, >, 0x60);

  gtk_button_clicked (GTK_BUTTON (screen_find (f->window, GTK_TYPE_RADIO_BUTTON, "More person")));
  screen_drag (large, size.width / 2, size.height / 2, size.width / 2 + 10, size.height / 2);
  gtk_button_clicked (GTK_BUTTON (screen_find (f->window, GTK_TYPE_RADIO_BUTTON, "Less person")));
  screen_drag (large, size.width / 2 - 60, size.height / 2, size.width / 2 - 50, size.height / 2);
  g_assert_cmpint (f->changed, ==, 2);
  screen_save (f->window, "maps-large");

  MoaImage *factor = map_grid_get_factor (f->grid);
  int most = 0, least = 0;

  g_assert_cmpint (factor->width, ==, 64);
  for (int i = 0; i < 64 * 64; i++)
    {
      most += factor->data[i] == 2;
      least += factor->data[i] == 0;
    }
  g_assert_cmpint (most, >, 10);
  g_assert_cmpint (least, >, 10);
  g_assert_cmpfloat (factor->data[0], ==, 1);
  moa_image_free (factor);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
#define ADD(name, function) \
  g_test_add ("/ui/maps/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("steps", test_steps);
  ADD ("blocks", test_blocks);
  ADD ("cells", test_cells);
  ADD ("large", test_large);
  return g_test_run ();
}
